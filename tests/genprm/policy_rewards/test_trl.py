"""TRL's own calls of the reward functions, those of `GRPOTrainer` and of `AsyncGRPOTrainer`."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from trl import GRPOTrainer
from trl.experimental.async_grpo.async_rollout_worker import RolloutGroup, _AsyncRolloutLoop
from trl.trainer.utils import get_callable_name, is_async_callable

from genprm.data_sets.rows import InputError
from genprm.event_loops import BackgroundLoop
from genprm.policy_rewards.trl import genprm_reward, genprm_reward_async

FLAWLESS, FLAWED, WRONG, SILENT = (
    "Step 1: 1 + 1 = 2.\n\nStep 2: The answer is \\boxed{2}.",
    "Step 1: 1 + 1 = 3, wrong.\n\nStep 2: The answer is \\boxed{2}.",
    "Step 1: 1 + 1 = 3.\n\nStep 2: The answer is \\boxed{3}.",
    "Step 1: silent.\n\nStep 2: The answer is \\boxed{2}.",
)
TEXTS = [FLAWLESS, FLAWED, WRONG, SILENT]
PROMPT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}]
CHATS = [[{"role": "assistant", "content": text}] for text in TEXTS]
EXPECTED = [1.0, 0.5, 0.0, math.nan]
FUNCTIONS = [
    genprm_reward,
    genprm_reward_async,
    functools.partial(genprm_reward, reward_options={"choice": "gated"}),
    functools.partial(genprm_reward_async, reward_options={"choice": "gated"}),
]


def rewards_in_trainer(function: Any, rows: list[dict[str, Any]], prompts: Any, completions: Any) -> Any:
    """`GRPOTrainer._calculate_rewards` on as much of a trainer as it reads, with the metrics that were logged."""
    loop = BackgroundLoop("trainer")
    logged: dict[str, float] = {}
    trainer = SimpleNamespace(
        accelerator=Accelerator(cpu=True),
        args=SimpleNamespace(report_to=[]),
        state=SimpleNamespace(global_step=0),
        reward_funcs=[function],
        reward_processing_classes=[None],
        reward_func_names=[get_callable_name(function)],
        environments=None,
        async_loop=loop._loop,
        _log_completion_extra=lambda column, values: None,
        _log_metric=logged.__setitem__,
    )
    try:
        ids = [[1]] * len(completions)
        return GRPOTrainer._calculate_rewards(trainer, rows, prompts, completions, ids), logged
    finally:
        loop.stop()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_trainer_gets_a_number_for_each_completion_and_nothing_for_an_unjudged_one(
    function: Any, server: str
) -> None:
    rows = [{"prompt": PROMPT, "answer": "2", "level": 1} for _ in CHATS]
    rewards, logged = rewards_in_trainer(function, rows, [PROMPT] * 4, CHATS)
    torch.testing.assert_close(rewards[:, 0], torch.tensor(EXPECTED), equal_nan=True)
    assert logged == {"genprm/unjudged": 0.25}


def test_texts_are_rewarded_as_messages_are(server: str) -> None:
    rows = [{"prompt": "1 + 1?", "ground_truth": 2} for _ in TEXTS]
    rewards, _ = rewards_in_trainer(genprm_reward, rows, ["1 + 1?"] * 4, TEXTS)
    torch.testing.assert_close(rewards[:, 0], torch.tensor(EXPECTED), equal_nan=True)


def test_a_column_takes_the_place_of_what_the_prompt_asks(server: str, engine: Any) -> None:
    template = "[INST] Solve: 1 + 1? [/INST]"
    rows = [{"prompt": template, "problem": "What is 1 + 1?", "answer": "2"}]
    rewards, _ = rewards_in_trainer(genprm_reward, rows, [template], [FLAWLESS])
    assert rewards.tolist() == [[1.0]]
    assert all("What is 1 + 1?" in prompt and "INST" not in prompt for prompt, _ in engine.requests)


def test_a_data_set_without_reference_answers_is_refused(server: str) -> None:
    with pytest.raises(InputError, match="sample 0: there is no reference answer; the reward 'gated' needs it"):
        rewards_in_trainer(genprm_reward, [{"prompt": PROMPT}], [PROMPT], CHATS[:1])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_asynchronous_trainer_can_send_the_function_to_its_worker_and_ask_it_there(
    function: Any, server: str
) -> None:
    sent = pickle.loads(pickle.dumps(function))
    group = RolloutGroup(
        prompts=[PROMPT] * 4,
        reward_kwargs={"answer": ["2"] * 4},
        completions=CHATS,
        completions_ids=[[1]] * 4,
        completions_sequences=[[SimpleNamespace(input_ids=[1], completion_mask=[1], old_log_probs=[0.0])]] * 4,
        tool_call_counts=[0] * 4,
        tool_failure_counts=[0] * 4,
        model_version=0,
        group_id=0,
        env_rewards=[None] * 4,
        rollout_rewards=[None] * 4,
    )
    worker = SimpleNamespace(
        reward_funcs=[sent],
        reward_func_names=[get_callable_name(sent)],
        _env_reward_types=[],
        _provides_rollout_reward=False,
    )
    samples = asyncio.run(_AsyncRolloutLoop._score_group(worker, group))

    assert [sample.metrics["reward"] for sample in samples] == pytest.approx(EXPECTED, nan_ok=True)
    # What was not judged has no advantage, and no part in those of the others: mean 0.5, deviation sqrt(1 / 6)
    assert [sample.advantage for sample in samples] == pytest.approx(
        [6**0.5 / 2, 0.0, -(6**0.5) / 2, 0.0], abs=1e-6
    )


def test_trl_tells_the_asynchronous_function_from_the_other() -> None:
    assert [is_async_callable(function) for function in FUNCTIONS] == [False, True, False, True]


def test_the_trainer_warns_of_a_completion_without_any_reward(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("trl").propagate = True
    rows = [{"prompt": PROMPT, "answer": "2"}]
    with caplog.at_level(logging.WARNING):
        rewards_in_trainer(genprm_reward, rows, [PROMPT], CHATS[3:])
    assert "All reward functions returned None" in caplog.text
