"""Simulated estimation: the solutions are what they claim, and estimators keep what they promise on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genprm.data_sets.rows import InputError
from genprm.monte_carlo.simulated import KnownSolution, Rollouts, StepProcess, estimate, known_solutions
from genprm.records import NO_ERROR
from genprm.settings import LabelVariant, MonteCarloSettings
from genprm.speed.monte_carlo import (
    PAPER,
    ExactLabels,
    agreement_interval,
    compare,
    compared,
    draw_curve,
    fixed,
    sequential,
    table,
)

SURE = KnownSolution(0.5, [1.0, 1.0, 0.0, 0.0], 2)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_wrong_step_takes_the_share_and_the_last_is_graded() -> None:
    for solution in StepProcess(recovery=0.0).draw(rng(), 200):
        assert solution.correct == (solution.first_error == NO_ERROR)
        assert solution.shares[-1] == float(solution.correct)
        assert 0 < solution.pass_at_1 < 1
        if solution.first_error != NO_ERROR:
            assert all(share > 0 for share in solution.shares[: solution.first_error])
            assert not any(solution.shares[solution.first_error :])


@pytest.mark.parametrize("recovery", [0.1, 0.4, 0.7])
def test_recovery_is_the_mean_part_of_the_share_that_an_error_leaves(recovery: float) -> None:
    # without jitter the log-odds grow by a known amount, so that the part left can be read off
    left = []
    for solution in StepProcess(recovery=recovery, jitter=1e-9).draw(rng(), 3000):
        step = solution.first_error
        if 0 < step < len(solution.shares) - 1:
            before = solution.shares[step - 1]
            left.append(solution.shares[step] / before)
    assert np.mean(left) == pytest.approx(recovery, abs=0.03)


def test_scores_of_a_file_are_taken_for_the_truth() -> None:
    (solution,) = known_solutions([("row 1", {"pass_at_1": 0.4, "mc": [0.5, 0.25, 0.9]})])
    assert solution == KnownSolution(0.4, [0.5, 0.25, 1.0], None)
    with pytest.raises(InputError, match="row 1: field 'mc' is missing"):
        known_solutions([("row 1", {"pass_at_1": 0.4})])


def test_everyone_sees_the_same_rollouts() -> None:
    rollouts = Rollouts(KnownSolution(0.5, [0.5, 1.0], None), 64, rng())
    assert rollouts.reached(0, 0, 64) == rollouts.reached(0, 0, 24) + rollouts.reached(0, 24, 40)
    assert rollouts.reached(1, 10, 5) == 5
    assert 20 <= rollouts.reached(0, 0, 64) <= 44


def test_fixed_and_sequential_on_sure_steps() -> None:
    rollouts = Rollouts(SURE, 128, rng())
    paper = estimate(SURE, rollouts, MonteCarloSettings())
    assert (paper.mc, paper.rollouts) == ([1.0, 1.0, 0.0, 0.0], [64, 64, 64, 0])
    assert paper.stopped == ["all_drawn", "all_drawn", "all_drawn", "after_dead"]
    found = estimate(SURE, rollouts, sequential(error=0.1, flip=0.0))
    assert found.mc == paper.mc
    assert found.stopped == ["kept", "kept", "dead", "after_dead"]
    assert max(found.rollouts) <= 24
    # the step before was drawn on, so that both sides of the comparison have as many rollouts
    assert found.rollouts[1] == found.rollouts[2] == 24


def test_the_indifference_zone_holds_what_no_number_of_rollouts_tells() -> None:
    solution = KnownSolution(0.5, [0.5, 0.41, 0.02, 0.02, 1.0], None)
    exact = ExactLabels.of(solution, LabelVariant(epsilon=0.8), dead_below=0.1)
    # 0.41 / 0.5 is close to 0.8; 0.02 may be taken for dead, and so is all that follows
    assert exact.labels == [1, 1, 0, 1, 1]
    assert exact.zone == [False, True, True, True, True]


def test_sequential_costs_a_third_and_says_the_same_as_the_papers_k() -> None:
    solutions = StepProcess().draw(rng(), 150)
    ways = {PAPER: MonteCarloSettings(), "ours": MonteCarloSettings(estimator="sequential"), "K = 8": fixed(8)}
    tallies = compare(solutions, ways)
    rows = {row["estimator"]: row for row in table(tallies)}
    assert rows["ours"]["of the paper's (%)"] < 100 / 3
    assert rows["ours"]["points"] >= -0.5
    assert rows["K = 8"]["points"] < -1
    assert rows["K = 8"]["F1 (%)"] < rows["ours"]["F1 (%)"]
    assert rows["ours"]["F1 (%)"] == pytest.approx(rows[PAPER]["F1 (%)"], abs=2)
    low, high = agreement_interval(tallies["K = 8"], tallies[PAPER])
    assert low < rows["K = 8"]["points"] < high < 0


@pytest.mark.slow
@pytest.mark.parametrize("error", [0.05, 0.2])
@pytest.mark.parametrize("strength", [0.5, 2.5])
def test_the_stated_error_probability_holds_over_ten_thousand_steps(error: float, strength: float) -> None:
    solutions = StepProcess(strength=strength, recovery=0.3).draw(rng(), 1700)
    ways = {PAPER: MonteCarloSettings(), "ours": sequential(error, flip=0.0)}
    tally = compare(solutions, ways)["ours"]
    assert sum(tally.steps) >= 10_000
    assert tally.decided_wrong / tally.decided <= error
    assert tally.clear_wrong / tally.clear <= error


@pytest.mark.slow
def test_labels_of_published_scores_cost_a_third(data_dir: Path) -> None:
    # 200 solutions of MATH training problems; without Pass@1, which is drawn around the first score
    generator = rng()
    rows = []
    for name in ("base", "pro"):
        for line in (data_dir / "scan-prm" / f"scan-{name}-train-100.jsonl").read_text().splitlines():
            scores = json.loads(line)["scores"]
            first = scores[0] * generator.beta(4, 1.2) if scores[0] else generator.beta(1.2, 1.2)
            # scores are cut after the first zero: a solution that ends in one has at least one step more
            mc = [*scores, 0.0] if scores[-1] == 0 else [*scores[:-1], 1.0]
            rows.append((name, {"pass_at_1": min(max(first, 0.02), 0.98), "mc": mc}))
    ways = {PAPER: MonteCarloSettings(), "ours": MonteCarloSettings(estimator="sequential")}
    compared = {row["estimator"]: row for row in table(compare(known_solutions(rows * 5), ways))}
    assert compared["ours"]["of the paper's (%)"] < 100 / 3
    assert compared["ours"]["points"] >= -0.5


def test_the_curve_is_a_picture(tmp_path: Path) -> None:
    ways = {name: way for name, way in compared(0.8).items() if name == PAPER or "0.05" in name or "8" in name}
    rows = table(compare(StepProcess().draw(rng(), 3), ways))
    draw_curve({"simulated": rows}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
