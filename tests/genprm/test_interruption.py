"""kill -9 in the middle of sampling, scoring, judging and searching: nothing that was finished is done again, and
nothing comes out different."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from genprm.records import Rationale, StepScores
from genprm.search.budgets import SearchedProblem
from genprm.tables import read_rows
from tests.genprm.interrupted_run import IN_FLIGHT, PROBLEMS

AT_ONCE = 2 * IN_FLIGHT
"""A solution asks for two batches at a time at most: the step's own, and the step's before it."""
SCORES = ("solutions.parquet", "mc_scores.parquet")
RATIONALES = ("rationales.parquet",)
SEARCHES = ("searched.parquet",)


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing happened to, and how much can be in flight in one: the most that a kill can cost."""

    work: str
    folder: Path
    tables: tuple[str, ...]
    in_flight: int


def run(work: str, folder: Path, moment: int = 0) -> int:
    command = [sys.executable, "-m", "tests.genprm.interrupted_run", work, str(folder), str(moment)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, env={**os.environ}, check=False).returncode


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("scored")
    assert run("scores", folder) == 0
    return Undisturbed("scores", folder, SCORES, AT_ONCE)


@pytest.fixture(scope="module")
def judged(scored: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("judged")
    shutil.copy(scored.folder / "solutions.parquet", folder)
    assert run("rationales", folder) == 0
    # Three parts of a turn and its verdict: a rationale is kept when it is whole.
    longest = max(len(row.verification.steps) for row in read_rows(Rationale, folder / "rationales.parquet"))
    return Undisturbed("rationales", folder, RATIONALES, IN_FLIGHT * longest * 4)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("searched")
    assert run("searches", folder) == 0
    # Of a search, four steps are judged at a time, of which each has three parts and a verdict.
    return Undisturbed("searches", folder, SEARCHES, IN_FLIGHT * 4 * 4)


def continue_after_kills(work: str, folder: Path, moments: list[int]) -> int:
    """Kills at each of the moments, counted from the last, until the run is over; how many there were."""
    kills = 0
    for moment in moments:
        code = run(work, folder, moment)
        if code == 0:
            return kills
        assert code == -signal.SIGKILL
        kills += 1
    assert run(work, folder) == 0
    return kills


def check(folder: Path, undisturbed: Undisturbed, kills: int) -> None:
    for name in undisturbed.tables:
        assert (folder / name).read_bytes() == (undisturbed.folder / name).read_bytes()
    wanted, found = Counter(asked(undisturbed.folder)), Counter(asked(folder))
    assert set(found) == set(wanted)
    assert 0 <= found.total() - wanted.total() <= kills * undisturbed.in_flight


def test_the_run_has_something_to_interrupt(scored: Undisturbed) -> None:
    assert len(asked(scored.folder)) == len(set(asked(scored.folder))) > 100
    rows = read_rows(StepScores, scored.folder / "mc_scores.parquet")
    assert {"kept", "settled", "last"} <= {reason for row in rows for reason in row.stopped}
    assert len(PROBLEMS) == 8


def test_a_run_that_was_killed_goes_on(scored: Undisturbed, tmp_path: Path) -> None:
    check(tmp_path, scored, continue_after_kills("scores", tmp_path, [40]))


def test_a_finished_run_asks_for_nothing(scored: Undisturbed) -> None:
    before = asked(scored.folder)
    assert run("scores", scored.folder) == 0
    assert asked(scored.folder) == before


@pytest.mark.slow
def test_twenty_kills_at_random_moments(scored: Undisturbed, tmp_path: Path) -> None:
    draw = random.Random(3)
    kills = continue_after_kills("scores", tmp_path, [draw.randrange(2, 15) for _ in range(20)])
    assert kills == 20
    check(tmp_path, scored, kills)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_of_rationales(judged: Undisturbed, tmp_path: Path) -> None:
    shutil.copy(judged.folder / "solutions.parquet", tmp_path)
    draw = random.Random(4)
    moments = [draw.randrange(2, 2 + 2 * len(asked(judged.folder)) // 20) for _ in range(20)]
    kills = continue_after_kills("rationales", tmp_path, moments)
    assert kills > 10
    check(tmp_path, judged, kills)
    rows = read_rows(Rationale, tmp_path / "rationales.parquet")
    assert {row.judged_first_error < 0 for row in rows} == {True, False}


def test_a_search_that_was_killed_goes_on_behind_the_last_step(searched: Undisturbed, tmp_path: Path) -> None:
    whole = len(asked(searched.folder))
    kills = continue_after_kills("searches", tmp_path, [whole // 3, whole // 3])
    assert kills == 2
    check(tmp_path, searched, kills)
    rows = read_rows(SearchedProblem, tmp_path / "searched.parquet")
    assert {row.correct for row in rows} == {True, False}
    assert any(row.judged_steps < row.sampled_steps for row in rows), "some end at a sure No"


@pytest.mark.slow
def test_ten_kills_at_random_moments_of_searches(searched: Undisturbed, tmp_path: Path) -> None:
    draw = random.Random(5)
    moments = [draw.randrange(2, 2 + len(asked(searched.folder)) // 12) for _ in range(10)]
    kills = continue_after_kills("searches", tmp_path, moments)
    assert kills == 10
    check(tmp_path, searched, kills)
