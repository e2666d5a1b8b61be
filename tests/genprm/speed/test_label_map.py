"""The map of label estimators: what holds by construction, and where relative progress pays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genprm.monte_carlo.simulated import KnownSolution, StepProcess
from genprm.speed.label_map import MARGIN, RECOVERIES, ROLLOUTS, STRENGTHS, VARIANTS, cell, draw_map


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_everyone_finds_an_error_that_nothing_survives() -> None:
    known = [KnownSolution(0.5, [1.0, 1.0, 0.0, 0.0], 2), KnownSolution(0.5, [1.0, 1.0, 1.0], -1)] * 3
    row = cell(known, 32, rng())
    assert {name: row[name] for name in VARIANTS} == dict.fromkeys(VARIANTS, 100.0)
    assert (row[MARGIN], row["low"], row["high"]) == (0.0, 0.0, 0.0)


def test_hard_labels_miss_what_rollouts_recover_from_and_a_ratio_does_not() -> None:
    known = [KnownSolution(0.5, [0.9, 0.9, 0.3, 0.3, 0.0], 2)] * 20
    row = cell(known, 128, rng())
    assert row["hard"] == 0
    assert row["ratio 0.8"] > 90
    assert row["changepoint"] > 90


def test_a_ratio_of_few_rollouts_finds_errors_where_there_are_none() -> None:
    # ten right steps at a share of one half: nothing to find, and every label 0 is a false alarm
    known = [KnownSolution(0.5, [0.5] * 10 + [0.0], 10)] * 20
    row = cell(known, 8, rng())
    assert row["ratio 0.8"] < 50 < row["hard"]


def test_solutions_without_known_errors_are_refused() -> None:
    with pytest.raises(ValueError, match="known first error"):
        cell([KnownSolution(0.5, [0.5, 1.0], None)], 8, rng())


@pytest.mark.parametrize(("strength", "recovery"), [(0.0, 0.3), (2.5, 0.1), (1.0, 0.6)])
def test_ours_is_no_worse_than_the_better_of_the_papers_two(strength: float, recovery: float) -> None:
    row = cell(StepProcess(strength, recovery).draw(rng(), 150), 32, rng())
    assert row["high"] > 0
    assert row[MARGIN] > -2


def test_the_map_is_a_picture(tmp_path: Path) -> None:
    known = StepProcess().draw(rng(), 4)
    shared = cell(known, 8, rng())
    rows = [
        {"strength": strength, "recovery": recovery, "K": rollouts, **shared}
        for strength in STRENGTHS
        for recovery in RECOVERIES
        for rollouts in ROLLOUTS
    ]
    draw_map(rows, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
