"""TRL trains the miniature's policy on rewards of its verifier, loaded in the same process."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from genprm.engines import resolve_model
from genprm.miniature.world.generation import draw_problem
from genprm.policy_rewards.options import close_shared_rewards
from genprm.policy_rewards.trl import genprm_reward
from genprm.profiles import load_profile

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("choice", ["outcome", "steps", "gated", "share"])
def test_a_policy_is_trained_on_each_choice(choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPRM_REWARD_CHOICE", choice)
    monkeypatch.setenv("GENPRM_REWARD_MODEL", "miniature/rationale")
    settings = load_profile("miniature").solutions
    generator = random.Random(0)
    problems = [draw_problem(generator, steps=2) for _ in range(4)]
    rows = [
        {
            "prompt": [{"role": "user", "content": settings.prompt.format(problem=problem.text)}],
            "problem": problem.text,
            "answer": problem.answer,
        }
        for problem in problems
    ]
    config = GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=16,
        num_generations=4,
        max_completion_length=settings.sampling.max_tokens,
        learning_rate=1e-5,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
    )
    model = resolve_model(settings.model)
    trainer = GRPOTrainer(model, reward_funcs=[genprm_reward], args=config, train_dataset=Dataset.from_list(rows))
    trainer.train()
    close_shared_rewards()
    logged = trainer.state.log_history[0]

    assert 0 < logged["rewards/genprm_reward/mean"] < 1, "some solutions are right and some are not"
    assert logged["grad_norm"] > 0
    assert logged["genprm/unjudged"] < 0.5
