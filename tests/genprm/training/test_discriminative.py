"""The discriminative model: labels at step ends, the loss of equation 1, and a checkpoint that scores steps."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genprm.engines.base import EngineError
from genprm.manifest import read_manifest
from genprm.records import Message, Provenance, Rationale, StepwiseSolution, TrainingExample, Verification
from genprm.settings import EngineSettings, TrainingSettings
from genprm.training import TrainingJob, TrainingReport, progress_of
from genprm.training.discriminative import train_discriminative
from genprm.training.discriminative_data import LabelledSolution, labelled_solutions
from genprm.training.job import read_examples, write_examples
from tests.genprm.reward_models.conftest import open_model

SETTINGS = TrainingSettings(
    epochs=6, learning_rate=5e-3, batch_size=4, device_batch_size=2, max_length=256, precision="fp32"
)
MANIFEST = {"trained_for": "a test"}


def rationale(name: str, error: int) -> Rationale:
    return Rationale(
        name,
        "Add.",
        ["a", "b", "c"],
        error,
        Verification(name, 0, "full", [], 0, 0, Provenance("scripted", "1", "raw"), []),
    )


def solution(number: int) -> LabelledSolution:
    """Sums of which every third has a wrong second step; wrong ones say so in a word."""
    wrong = number % 3 == 0
    second = f"{number} + 1 = {number + 5} keys, no" if wrong else f"{number} + 1 = {number + 1} keys, yes"
    return LabelledSolution(str(number), f"Sam has {number} keys.", ["Sam has keys.", second], [1, int(not wrong)])


SOLUTIONS = [solution(number) for number in range(12)]


def test_labels_are_those_of_the_conversations_up_to_the_first_error() -> None:
    rationales = [rationale("x", -1), rationale("y", 1), rationale("z", 0)]
    examples = [TrainingExample(name, [Message("user", "")]) for name in ("z", "y", "x")]
    assert labelled_solutions(rationales, examples) == [
        LabelledSolution("z", "Add.", ["a"], [0]),
        LabelledSolution("y", "Add.", ["a", "b"], [1, 0]),
        LabelledSolution("x", "Add.", ["a", "b", "c"], [1, 1, 1]),
    ]
    with pytest.raises(ValueError, match="conversation 'x' has no rationale"):
        labelled_solutions(rationales[1:], examples)


def test_solutions_survive_the_way_to_the_training_process(tmp_path: Path) -> None:
    write_examples(SOLUTIONS, tmp_path / "solutions.jsonl")
    assert list(read_examples(tmp_path / "solutions.jsonl", LabelledSolution)) == SOLUTIONS


def binary_cross_entropy(network: Any, tokenizer: Any, solutions: list[LabelledSolution]) -> float:
    """Paper eq. 1 in words: -log P(right) or -log P(wrong) behind each step, asked one prefix at a time."""
    import torch

    newline = tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    nats = []
    for item in solutions:
        ids = tokenizer(f"<|endoftext|>{item.problem}\n", add_special_tokens=False)["input_ids"]
        for step, label in zip(item.steps, item.labels, strict=True):
            ids += [*tokenizer(step, add_special_tokens=False)["input_ids"], newline]
            with torch.no_grad():
                wrong, right = network(torch.tensor([ids])).logits[0, -1].tolist()
            probability = 1 / (1 + math.exp(wrong - right))
            nats.append(-math.log(probability if label else 1 - probability))
    return sum(nats) / len(nats)


@pytest.mark.parametrize("device_batch_size", [1, 2, 4])
def test_the_loss_is_the_mean_binary_cross_entropy_at_the_ends_of_the_steps_of_an_update(
    skywork: Any, body: Path, tmp_path: Path, device_batch_size: int
) -> None:
    import torch

    from genprm.training.discriminative_trainer import build_trainer, encode_solutions, new_network
    from genprm.training.trainer import losses

    short = LabelledSolution("short", "Add.", ["no"], [0])
    update = [*SOLUTIONS[:3], short]
    settings = SETTINGS.model_copy(update={"epochs": 1.0, "device_batch_size": device_batch_size})
    encoded = encode_solutions(skywork.tokenizer, update, max_length=256)
    trainer = build_trainer(TrainingJob(str(body), settings, False, tmp_path / "out"), encoded, skywork.tokenizer)
    trainer.train()

    torch.manual_seed(settings.seed)
    untrained = new_network(str(body), dtype=torch.float32).eval()
    (point,) = losses(trainer.state)
    assert point.loss == pytest.approx(binary_cross_entropy(untrained, skywork.tokenizer, update), rel=1e-4)


def test_solutions_that_are_too_long_are_dropped_and_named(skywork: Any) -> None:
    from genprm.training.discriminative_trainer import encode_solutions

    long = LabelledSolution("long", "Add." * 50, ["a"], [1])
    encoded = encode_solutions(skywork.tokenizer, [SOLUTIONS[0], long], max_length=100)
    assert (len(encoded.rows), encoded.dropped) == (1, ["long"])
    with pytest.raises(ValueError, match=r"none of 1 solutions has at most training.max_length = 100 tokens"):
        encode_solutions(skywork.tokenizer, [long], max_length=100)


def train(base: Path, out: Path, log: Callable[[str], None] = lambda line: None) -> TrainingReport:
    return train_discriminative(SOLUTIONS, TrainingJob(str(base), SETTINGS, False, out, MANIFEST), {}, log)


@pytest.mark.slow
async def test_a_checkpoint_scores_steps_as_it_was_taught(
    body: Path, tmp_path: Path, settings: EngineSettings
) -> None:
    lines: list[str] = []
    report = train(body, tmp_path / "out" / "checkpoint", lines.append)

    assert (report.examples, report.dropped, report.steps, report.loss_tokens) == (12, 0, 18, 24)
    assert report.losses[-1].loss < 0.5 * report.losses[0].loss
    assert [progress_of(line) for line in lines if progress_of(line)][-1] == (18, 18)
    assert os.listdir(tmp_path / "out") == ["checkpoint"]
    manifest = read_manifest(report.checkpoint)
    assert manifest is not None
    assert manifest.settings == SETTINGS
    assert manifest.model_extra == MANIFEST

    model = open_model(str(report.checkpoint), settings)
    scores = await model.score_many([StepwiseSolution(item.problem, tuple(item.steps)) for item in SOLUTIONS])
    judged = [[int(reward >= 0.5) for reward in score.rewards] for score in scores]
    assert judged == [item.labels for item in SOLUTIONS]


@pytest.mark.slow
def test_a_base_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no tokenizer"):
        train(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_trained_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training set is empty"):
        train_discriminative([], TrainingJob("base", SETTINGS, False, tmp_path / "out"), {}, print)
    assert list(tmp_path.iterdir()) == []
