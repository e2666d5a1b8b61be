"""The discriminative model: labels at step ends, the loss of equation 1, and a checkpoint that scores steps."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genprm.manifest import read_manifest
from genprm.records import Message, Provenance, Rationale, TrainingExample, Verification
from genprm.reward_models.base import StepwiseSolution
from genprm.settings import EngineSettings, TrainingSettings
from genprm.training import TrainingError, progress_of
from genprm.training.discriminative import train_discriminative
from genprm.training.discriminative_data import (
    LabelledSolution,
    labelled_solutions,
    read_solutions,
    write_solutions,
)
from tests.genprm.reward_models.conftest import open_model

SETTINGS = TrainingSettings(
    epochs=6, learning_rate=5e-3, batch_size=4, device_batch_size=2, max_length=256, precision="fp32"
)


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
    write_solutions(SOLUTIONS, tmp_path / "solutions.jsonl")
    assert list(read_solutions(tmp_path / "solutions.jsonl")) == SOLUTIONS


@pytest.fixture
def body(skywork: Any, tmp_path: Path) -> Path:
    """The body of a reward model, to be given a new head."""
    from safetensors.torch import load_file, save_file

    place = Path(shutil.copytree(skywork.directory, tmp_path / "body"))
    tensors = load_file(place / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("v_head.")}
    save_file(kept, place / "model.safetensors")
    return place


def test_the_loss_is_the_cross_entropy_at_the_newline_behind_each_labelled_step(skywork: Any, body: Path) -> None:
    import torch

    from genprm.training.discriminative_trainer import encode_solutions, new_network, step_loss

    torch.manual_seed(0)
    network = new_network(str(body)).eval()
    encoded, dropped = encode_solutions(skywork.tokenizer, SOLUTIONS[:3], max_length=256)
    assert dropped == []
    with torch.no_grad():
        loss, right = step_loss(network, encoded, "cpu")

    newline = skywork.tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    expected, guessed = 0.0, 0
    for item in SOLUTIONS[:3]:
        ids = skywork.tokenizer(f"<|endoftext|>{item.problem}\n", add_special_tokens=False)["input_ids"]
        for step, label in zip(item.steps, item.labels, strict=True):
            ids += [*skywork.tokenizer(step, add_special_tokens=False)["input_ids"], newline]
            with torch.no_grad():
                wrong, fine = network(torch.tensor([ids])).logits[0, -1].tolist()
            probability = 1 / (1 + math.exp(wrong - fine))
            expected -= math.log(probability if label else 1 - probability)
            guessed += (probability > 0.5) == bool(label)
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    assert right == guessed


def test_every_epoch_sees_every_solution_once() -> None:
    from genprm.training.discriminative_trainer import update_batches

    settings = SETTINGS.model_copy(update={"epochs": 2.0})
    updates = list(update_batches([5, 7, 3, 9, 4, 6], settings))
    assert [epoch for epoch, _ in updates] == [0.5, 1.0, 1.5, 2.0]
    seen = [[index for part in batch for index in part] for _, batch in updates]
    assert sorted(seen[0] + seen[1]) == sorted(seen[2] + seen[3]) == list(range(6))
    assert all(len(part) <= settings.device_batch_size for _, batch in updates for part in batch)


def test_solutions_that_are_too_long_are_dropped_and_named(skywork: Any) -> None:
    from genprm.training.discriminative_trainer import encode_solutions

    long = LabelledSolution("long", "Add." * 50, ["a"], [1])
    kept, dropped = encode_solutions(skywork.tokenizer, [SOLUTIONS[0], long], max_length=100)
    assert (len(kept), dropped) == (1, ["long"])
    with pytest.raises(ValueError, match=r"none of 1 solutions has at most training.max_length = 100 tokens"):
        encode_solutions(skywork.tokenizer, [long], max_length=100)


def train(base: Any, out: Path, log: Callable[[str], None] = lambda line: None, **changes: Any) -> Any:
    settings = SETTINGS.model_copy(update=changes)
    return train_discriminative(SOLUTIONS, settings, base.path, out, {}, log, {"trained_for": "a test"})


@pytest.mark.slow
async def test_a_checkpoint_scores_steps_as_it_was_taught(
    skywork: Any, tmp_path: Path, settings: EngineSettings
) -> None:
    lines: list[str] = []
    report = train(skywork, tmp_path / "checkpoint", lines.append)

    assert (report.examples, report.dropped, report.steps, report.loss_tokens) == (12, 0, 18, 24)
    assert report.losses[-1].loss < 0.5 * report.losses[0].loss
    assert [progress_of(line) for line in lines if progress_of(line)][-1] == (18, 18)
    assert os.listdir(tmp_path) == ["checkpoint"]
    manifest = read_manifest(report.checkpoint)
    assert manifest is not None
    assert manifest.settings == SETTINGS
    assert manifest.model_extra == {"trained_for": "a test"}

    model = open_model(str(report.checkpoint), settings)
    scores = await model.score_many([StepwiseSolution(item.problem, tuple(item.steps)) for item in SOLUTIONS])
    judged = [[int(reward >= 0.5) for reward in score.rewards] for score in scores]
    assert judged == [item.labels for item in SOLUTIONS]


@pytest.mark.slow
def test_same_data_same_weights(skywork: Any, tmp_path: Path) -> None:
    runs = [train(skywork, tmp_path / name, epochs=1.0) for name in ("first", "second")]
    assert runs[0].losses == runs[1].losses
    weights = [(run.checkpoint / "model.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_a_failed_training_says_why(tmp_path: Path) -> None:
    class Empty:
        path = str(tmp_path)

    with pytest.raises(TrainingError, match="no tokenizer"):
        train(Empty, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_trained_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no labelled solutions"):
        train_discriminative([], SETTINGS, "base", tmp_path / "out", {}, print)
