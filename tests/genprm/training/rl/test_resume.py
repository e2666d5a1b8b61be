"""An interrupted training by reinforcement goes on where it was, and ends with the same weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from genprm.engines import resolve_model
from genprm.modes import Mode
from genprm.profiles import MachineSettings, load_profile
from genprm.settings import ReinforcementSettings, TrainingSettings
from genprm.training import TrainingReport
from genprm.training.rl.episodes import LabelledCase
from genprm.training.rl.job import ReinforcementJob, train_further
from genprm.training.rl.points import read_points
from tests.genprm.training.train_here import train_here

SETTINGS = TrainingSettings(
    rl=ReinforcementSettings(
        updates=12, solutions=2, group=4, updates_per_batch=2, temperature=1.0, learning_rate=1e-3, kl=0.01
    ),
    batch_size=4,
    device_batch_size=4,
    precision="fp32",
)


def case(boxes: int, lost: int, left: int) -> LabelledCase:
    told = f"(1) Maphe has {boxes} boxes of 4 nuts. (2) Maphe loses {lost} nuts."
    problem = f"How many nuts does Maphe have in the end? {told}"
    steps = [
        f"Step 1: By (1), {boxes} * 4 = {boxes * 4} nuts.",
        f"Step 2: By (2), {boxes * 4} - {lost} = {left} nuts.",
    ]
    return LabelledCase(f"{boxes} {lost} {left}", problem, steps, -1 if left == boxes * 4 - lost else 1)


CASES = [case(4, 6, 10), case(4, 6, 11), case(5, 3, 17), case(5, 3, 13), case(2, 5, 3)]
LONG = LabelledCase("long", "How many nuts? " * 1000, ["Step 1: 4 nuts."], -1)
"""Its problem fills the context."""


def job_of(out: Path, settings: TrainingSettings, mode: Mode) -> ReinforcementJob:
    """Training the miniature's rationale model into `out`."""
    profile = load_profile("miniature")
    manifest = {
        "inference_mode": mode,
        "verifier": profile.rationales.verifier.model_dump(mode="json"),
        "model": "further",
    }
    return ReinforcementJob(
        resolve_model("miniature/rationale"),
        settings,
        False,
        out,
        manifest,
        MachineSettings(profile.engine, profile.sandbox),
    )


def train(
    out: Path,
    log: Callable[[str], None],
    settings: TrainingSettings = SETTINGS,
    cases: Sequence[LabelledCase] = CASES,
    mode: Mode = Mode.DIRECT,
) -> TrainingReport:
    """By default the miniature judges directly, so that no code is run."""
    return train_further(cases, job_of(out, settings, mode), {}, log)


def interrupt(line: str) -> None:
    if line == "step 10/12  state saved":
        raise InterruptedError(line)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_same_cases_same_weights_also_after_an_interruption(tmp_path: Path) -> None:
    from genprm.training.rl import process

    homes = tmp_path / "undisturbed", tmp_path / "interrupted"
    undisturbed = train_here(process.train, CASES, job_of(homes[0], SETTINGS, Mode.DIRECT))
    with pytest.raises(InterruptedError):
        train(homes[1], interrupt, cases=[LONG, *CASES])
    assert not homes[1].exists()
    lines: list[str] = []
    resumed = train(homes[1], lines.append, cases=[LONG, *CASES])

    assert "5 solutions, 1 too long and dropped, 2 x 4 verifications a batch" in lines
    assert (resumed.examples, resumed.dropped) == (5, 1), "one that cannot be judged is left out, and counted"
    assert "continuing an interrupted run of the same job" in lines
    weights = [(home / "model.safetensors").read_bytes() for home in homes]
    assert weights[0] == weights[1]
    assert resumed.losses == undisturbed.losses
    points = read_points(homes[0])
    assert points == read_points(homes[1])
    assert [point.step for point in points] == [1, 3, 5, 7, 9, 11], "one for each batch of verifications"
    assert all(point.code_blocks == 0 and point.code_runs is None for point in points)
    assert json.loads((homes[1] / "genprm.json").read_text())["inference_mode"] == "direct"


def test_a_batch_of_more_solutions_than_there_are_is_refused(tmp_path: Path) -> None:
    assert SETTINGS.rl is not None
    many = SETTINGS.model_copy(update={"rl": SETTINGS.rl.model_copy(update={"solutions": 6})})
    with pytest.raises(
        ValueError, match=r"training\.rl\.solutions is 6, allowed: at most the 5 labelled solutions"
    ):
        train(tmp_path / "out", lambda line: None, many)


def test_adaptive_judging_would_never_come_to_an_analysis_and_is_refused(tmp_path: Path) -> None:
    line = r"^inference_mode is 'adaptive', .*, allowed: full, cot, code, text, direct, code_unrun$"
    with pytest.raises(ValueError, match=line):
        train(tmp_path / "out", lambda line: None, mode=Mode.ADAPTIVE)
