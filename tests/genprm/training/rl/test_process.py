"""The gradient of group-relative policy optimisation, against what it must be; and the whole process, resumed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from genprm.engines import resolve_model
from genprm.engines.base import EngineError
from genprm.hardware.devices import Device
from genprm.hardware.inference_memory import Serving, inference_memory
from genprm.hardware.memory import GIB
from genprm.hardware.published import published_config
from genprm.hardware.shapes import shape_of
from genprm.hardware.training_memory import Place, training_memory
from genprm.profiles import MachineSettings, load_profile
from genprm.settings import EngineSettings, LoraSettings, ReinforcementSettings, SandboxSettings, TrainingSettings
from genprm.training import fit
from genprm.training.job import read_job
from genprm.training.rl.episodes import Episode, LabelledCase
from genprm.training.rl.job import ReinforcementJob
from genprm.training.rl.recording import TokenSequence
from genprm.training.rl.rollouts import Rollout

pytestmark = pytest.mark.slow

NUTS = LabelledCase(
    "nuts",
    "How many nuts does Maphe have in the end? (1) Maphe has 4 boxes of 4 nuts. (2) Maphe loses 6 nuts.",
    ["Step 1: By (1), 4 * 4 = 16 nuts.", "Step 2: By (2), 16 - 6 = 10 nuts."],
    label=-1,
)
CASE = LabelledCase("c", "Which?", ["This."], label=-1)
RIGHT, WRONG = Episode(-1, 1, ("Yes",)), Episode(-1, 1, ("No",))
"""Episodes of reward 1 and -1."""
RL = ReinforcementSettings(
    reward="outcome",
    updates=1,
    solutions=1,
    group=4,
    updates_per_batch=1,
    temperature=1.0,
    learning_rate=0.01,
    warmup=0,
    weight_decay=0.0,
    scale="none",
)


@pytest.fixture(scope="module")
def two_words(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """A model that knows two tokens, 0 and 1."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    directory = tmp_path_factory.mktemp("two_words")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=2, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=False,
        eos_token_id=1, pad_token_id=0, bos_token_id=None,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def job_of(base: Path, out: Path, **changes: Any) -> ReinforcementJob:
    rl = RL.model_copy(update=changes)
    settings = TrainingSettings(rl=rl, precision="fp32", batch_size=4, device_batch_size=4)
    return ReinforcementJob(str(base), settings, False, out)


def trainer_of(job: ReinforcementJob, judge: Callable[..., Sequence[Rollout]]) -> Any:
    from genprm.training.rl.process import build_trainer

    job.work_dir.mkdir(exist_ok=True)
    return build_trainer(job, [CASE], judge)


def probability_of_one(model: Any) -> float:
    """Of token 1 behind token 0."""
    import torch

    with torch.no_grad():
        return float(model(input_ids=torch.tensor([[0]])).logits[0, -1].softmax(-1)[1])


def gradients(trainer: Any) -> dict[str, Any]:
    """Of the loss of the next update, by parameter."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    inputs = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, inputs).backward()
    return {name: one.grad.clone() for name, one in trainer.model.named_parameters() if one.grad is not None}


def policy_gradient(
    model: Any, rollouts: Sequence[Rollout], advantages: Sequence[float | Mapping[int, float]]
) -> dict[str, Any]:
    """The gradient of - mean over written tokens of advantage x log-probability (DAPO, eq. 8, on policy). Where
    advantages are told by step, tokens of others are left out."""
    import torch

    model.zero_grad()
    total, tokens = torch.zeros(()), 0
    for rollout, advantage in zip(rollouts, advantages, strict=True):
        ids, steps = rollout.sequence.ids, rollout.sequence.steps
        logprobs = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        for position in range(1, len(ids)):
            step = steps[position]
            if step >= 0 and (isinstance(advantage, float) or step in advantage):
                one = advantage if isinstance(advantage, float) else advantage[step]
                total = total - one * logprobs[position - 1, ids[position]]
                tokens += 1
    (total / tokens).backward()
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def assert_same(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    import torch

    assert any(bool(one.any()) for one in expected.values())
    for name, one in expected.items():
        torch.testing.assert_close(found[name], one, atol=1e-6, rtol=1e-4)


CONVERSATIONS = [
    # Of different lengths, and with tokens of others between those that the model wrote.
    Rollout(RIGHT, TokenSequence([0, 1, 1, 0, 1, 1, 0], [-1, -1, 0, 0, -1, -1, 0])),
    Rollout(WRONG, TokenSequence([0, 1, 0, 0], [-1, -1, 0, 0])),
    Rollout(WRONG, TokenSequence([0, 1, 1, 0, 0, 1], [-1, -1, 0, -1, -1, 0])),
    Rollout(WRONG, TokenSequence([1, 0, 1], [-1, 0, 0])),
]


def test_the_gradient_is_the_policy_gradient_of_what_the_model_wrote(two_words: Path, tmp_path: Path) -> None:
    trainer = trainer_of(job_of(two_words, tmp_path / "out"), lambda wanted, weights: CONVERSATIONS)
    found = gradients(trainer)
    # Rewards 1, -1, -1, -1 have mean -0.5.
    assert_same(found, policy_gradient(trainer.model, CONVERSATIONS, [1.5, -0.5, -0.5, -0.5]))


def test_each_step_answers_for_its_own_verdict(two_words: Path, tmp_path: Path) -> None:
    """Three of four judge step 0 rightly, one of them step 1 wrongly; step 2 is judged by one alone."""
    verdicts = [("Yes", "Yes", "Yes"), ("Yes", "No"), ("No",), ("Yes", "Yes")]
    steps = [[-1, 0, 0, 1, -1, 1, 2], [-1, 0, 1, -1], [-1, -1, 0, 0, 0, -1], [-1, 0, 1]]
    rollouts = [
        Rollout(Episode(-1, 3, said), TokenSequence(one.sequence.ids, of_tokens))
        for one, said, of_tokens in zip(CONVERSATIONS, verdicts, steps, strict=True)
    ]
    job = job_of(two_words, tmp_path / "out", reward="steps", credit="step")
    trainer = trainer_of(job, lambda wanted, weights: rollouts)
    found = gradients(trainer)
    # Rewards of step 0 are 1, 1, -1, 1 (mean 1/2), those of step 1 are 1, -1 and 1 (mean 1/3).
    advantages = [{0: 0.5, 1: 2 / 3}, {0: 0.5, 1: -4 / 3}, {0: -1.5}, {0: 0.5, 1: 2 / 3}]
    assert_same(found, policy_gradient(trainer.model, rollouts, advantages))


def test_advantages_are_scaled_by_the_deviation_of_their_group(two_words: Path, tmp_path: Path) -> None:
    job = job_of(two_words, tmp_path / "out", scale="group")
    trainer = trainer_of(job, lambda wanted, weights: CONVERSATIONS)
    found = gradients(trainer)
    deviation = math.sqrt((1.5**2 + 3 * 0.5**2) / 3) + 1e-4
    advantages = [one / deviation for one in (1.5, -0.5, -0.5, -0.5)]
    assert_same(found, policy_gradient(trainer.model, CONVERSATIONS, advantages))


def test_what_others_wrote_has_no_gradient(two_words: Path, tmp_path: Path) -> None:
    """A verification of which the model wrote nothing changes nothing, whatever its reward is."""
    foreign = [Rollout(one.episode, TokenSequence(one.sequence.ids, [-1] * len(one.sequence.ids)))
               for one in CONVERSATIONS]  # fmt: skip
    trainer = trainer_of(job_of(two_words, tmp_path / "out"), lambda wanted, weights: foreign)
    assert not any(bool(one.any()) for one in gradients(trainer).values())


@pytest.mark.parametrize("dropped", [True, False])
def test_a_group_without_a_signal_contributes_nothing(two_words: Path, tmp_path: Path, dropped: bool) -> None:
    """Nor do its tokens count in the mean, where such groups are dropped."""
    equal = [Rollout(WRONG, one.sequence) for one in CONVERSATIONS]
    job = job_of(two_words, tmp_path / "out", solutions=2, drop_equal_groups=dropped)
    trainer = trainer_of(
        ReinforcementJob(
            job.base, job.settings.model_copy(update={"batch_size": 8, "device_batch_size": 8}), False, job.out_dir
        ),
        lambda wanted, weights: [*CONVERSATIONS, *equal],
    )
    trainer._cases = [CASE, CASE]
    trainer.train_dataset = trainer.train_dataset.from_list([{"prompt": "0"}, {"prompt": "0"}])
    found = gradients(trainer)
    share = 1.0 if dropped else 0.5
    expected = policy_gradient(trainer.model, CONVERSATIONS, [share * one for one in (1.5, -0.5, -0.5, -0.5)])
    assert_same(found, expected)


def test_a_policy_of_two_tokens_ends_where_reward_and_divergence_balance(two_words: Path, tmp_path: Path) -> None:
    """The policy that maximises E[r] - kl x KL(policy | reference) is the reference x exp(r / kl), scaled to 1."""
    import torch

    kl, group = 1.0, 64
    drawn = random.Random(0)

    def judge(wanted: Any, weights: Mapping[str, torch.Tensor]) -> list[Rollout]:
        # As many of each token as the policy says, a fraction rounded up with its own probability.
        ones = math.floor(group * probability_of_one(trainer.model) + drawn.random())
        return [
            Rollout(RIGHT if index < ones else WRONG, TokenSequence([0, int(index < ones)], [-1, 0]))
            for index in range(group)
        ]

    job = job_of(two_words, tmp_path / "out", kl=kl, group=group, updates=150, learning_rate=0.003)
    settings = job.settings.model_copy(update={"batch_size": group, "device_batch_size": group})
    trainer = trainer_of(ReinforcementJob(job.base, settings, False, job.out_dir), judge)
    before = probability_of_one(trainer.model)
    trainer.train()
    # Rewards are 1 and -1.
    odds = before / (1 - before) * math.exp(2 / kl)
    assert probability_of_one(trainer.model) == pytest.approx(odds / (1 + odds), abs=0.02)
    assert abs(before - odds / (1 + odds)) > 0.2


def test_small_updates_are_kept_also_where_fine_tuning_trained_an_adapter(two_words: Path, tmp_path: Path) -> None:
    """Of 1e-6, as by default; the spacing of bf16 numbers as large as these weights is some hundred times that."""
    job = job_of(two_words, tmp_path / "out", learning_rate=1e-6)
    adapted = job.settings.model_copy(update={"lora": LoraSettings(), "precision": "bf16"})
    trainer = trainer_of(
        ReinforcementJob(job.base, adapted, False, job.out_dir), lambda wanted, weights: CONVERSATIONS
    )
    head = trainer.model.lm_head.weight
    before = head.detach().clone()
    trainer.train()
    assert bool((head != before).all())


def judge_of(out: Path, max_length: int) -> ReinforcementJob:
    """The miniature's verifier, without code; its own engine has a context of 1024 tokens."""
    profile = load_profile("miniature")
    manifest = {"inference_mode": "cot", "verifier": profile.rationales.verifier.model_dump(mode="json")}
    settings = TrainingSettings(rl=RL, max_length=max_length)
    machine = MachineSettings(profile.engine, profile.sandbox)
    return ReinforcementJob(resolve_model("miniature/rationale"), settings, False, out, manifest, machine)


def test_what_is_learned_from_is_no_longer_than_max_length(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from genprm.training.rl.process import JudgingMachine

    lengths = {}
    for most in (100, 1024):
        job = judge_of(tmp_path, most)
        machine = JudgingMachine(job)
        weights = AutoModelForCausalLM.from_pretrained(job.base).state_dict()
        rollouts = machine.judge([(NUTS, number) for number in range(4)], weights)
        machine.close()
        lengths[most] = max(len(rollout.sequence.ids) for rollout in rollouts)
    assert lengths[100] <= 100 < lengths[1024]


CARD_OF = "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"


def refusal(monkeypatch: pytest.MonkeyPatch, gib: float, rl: ReinforcementSettings, **changes: Any) -> str | None:
    """What is said of training a 1.5B model on a device with so much memory; None where it fits."""
    from genprm.training.rl import process

    config = published_config(CARD_OF)
    for module in (fit, process):
        monkeypatch.setattr(module, "load_config", lambda model: config)
    monkeypatch.setattr(fit, "devices_here", lambda: [Device("card", gib * GIB, gib * GIB)])
    machine = MachineSettings(ENGINE, SandboxSettings())
    job = ReinforcementJob("judge", TrainingSettings(rl=rl, **changes), False, Path("out"), machine=machine)
    try:
        process.check_memory(job)
    except EngineError as error:
        return str(error)
    return None


ENGINE = EngineSettings(backend="transformers", dtype="bfloat16", max_context=16384)


def wanted(max_length: int, accumulates: bool) -> float:
    """GiB for training and judging with contexts of `max_length`."""
    shape = shape_of(published_config(CARD_OF))
    training = TrainingSettings(max_length=max_length, batch_size=2 if accumulates else 1)
    judging = ENGINE.model_copy(update={"max_context": max_length})
    return training_memory(shape, training, Place()).gib + inference_memory(shape, judging, Serving()).gib


@pytest.mark.parametrize("max_length", [2048, 8192])
@pytest.mark.parametrize("updates_per_batch", [1, 4])
def test_memory_is_that_of_contexts_and_updates_as_they_are_trained(
    monkeypatch: pytest.MonkeyPatch, max_length: int, updates_per_batch: int
) -> None:
    """Four verifications make one update, with gradients added up, or four; whatever fine-tuning's batch is."""
    rl = RL.model_copy(update={"updates_per_batch": updates_per_batch})
    needed = wanted(max_length, accumulates=updates_per_batch == 1)
    for batch_size in (1, 64):
        told = {"max_length": max_length, "batch_size": batch_size}
        assert refusal(monkeypatch, needed + 0.01, rl, **told) is None
        short = refusal(monkeypatch, needed - 0.01, rl, **told)
        assert short is not None
        assert "lora" not in short, "an adapter would not be trained"


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    job = ReinforcementJob("base", TrainingSettings(rl=RL), True, tmp_path / "out", {"inference_mode": "full"})
    job.work_dir.mkdir()
    assert read_job(job.write(), ReinforcementJob) == job
    assert "machine" not in job.content(), "on which machine it is trained decides nothing"
