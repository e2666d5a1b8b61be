"""kill -9 in the middle of sampling and scoring: nothing that was finished is done again, and nothing comes out
different."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genprm.records import StepScores, read_rows
from tests.genprm.interrupted_run import IN_FLIGHT, PROBLEMS

TABLES = ("solutions.parquet", "mc_scores.parquet")
AT_ONCE = 2 * IN_FLIGHT
"""A solution asks for two batches at a time at most: the step's own, and the step's before it."""


def run(folder: Path, moment: int = 0) -> int:
    command = [sys.executable, "-m", "tests.genprm.interrupted_run", str(folder), str(moment)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, env={**os.environ}, check=False).returncode


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(folder) == 0
    return folder


def continue_after_kills(folder: Path, moments: list[int]) -> int:
    """Kills at each of the moments, counted from the last, until the run is over; how many there were."""
    kills = 0
    for moment in moments:
        code = run(folder, moment)
        if code == 0:
            return kills
        assert code == -signal.SIGKILL
        kills += 1
    assert run(folder) == 0
    return kills


def check(folder: Path, undisturbed: Path, kills: int) -> None:
    for name in TABLES:
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()
    wanted = asked(undisturbed)
    again = len(asked(folder)) - len(wanted)
    assert set(asked(folder)) == set(wanted)
    assert 0 <= again <= kills * AT_ONCE


def test_the_run_has_something_to_interrupt(undisturbed: Path) -> None:
    assert len(asked(undisturbed)) == len(set(asked(undisturbed))) > 100
    reasons = {reason for row in read_rows(StepScores, undisturbed / "mc_scores.parquet") for reason in row.stopped}
    assert {"kept", "settled", "last"} <= reasons
    assert len(PROBLEMS) == 8


def test_a_run_that_was_killed_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    check(tmp_path, undisturbed, continue_after_kills(tmp_path, [40]))


def test_a_finished_run_asks_for_nothing(undisturbed: Path, tmp_path: Path) -> None:
    before = asked(undisturbed)
    assert run(undisturbed) == 0
    assert asked(undisturbed) == before


@pytest.mark.slow
def test_twenty_kills_at_random_moments(undisturbed: Path, tmp_path: Path) -> None:
    draw = random.Random(3)
    kills = continue_after_kills(tmp_path, [draw.randrange(2, 15) for _ in range(20)])
    assert kills == 20
    check(tmp_path, undisturbed, kills)
