"""What the rewards of a run promise, from rows that are made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.lineup import Lineup
from genprm.profiles import build_profile
from genprm.records import Prediction, SampledSolution, SolutionRewards
from genprm.results.best_of_n import best_of_n_claims, best_of_n_measures
from genprm.results.calibration import calibration_measures, calibrator_of
from genprm.results.captions import column_caption, row_caption
from genprm.results.figures import reliability_lines
from genprm.results.measures import Table
from genprm.store import TableStore

LINEUP = Lineup(
    build_profile(
        {
            "name": "p",
            "training": {"base": {"b": "hub/b"}, "modes": ["full"]},
            "evaluation": {"subsets": ["s"], "bootstrap": 200},
            "scaling": {"sets": ["algebra"], "candidates": 2, "aggregate": "min"},
        }
    )
)
FULL = "b.main.full"


def step(case: int, right: bool, reward: float) -> Prediction:
    """A solution of one step."""
    return Prediction(f"c{case}", "s", "g", "p", ["a"], right, -1 if right else 0, -1, [reward], [[reward]], 1, 0)


def boastful() -> list[Prediction]:
    """In either half of the cases six in ten steps with a reward of 0.9 are right, and four in ten with 0.1."""
    shares = [(0.9, n < 6) for n in range(10)] + [(0.1, n < 4) for n in range(10)]
    return [step(2 * n + half, right, reward) for n, (reward, right) in enumerate(shares) for half in (0, 1)]


def test_rewards_that_promise_too_much_are_mended_by_those_of_other_cases() -> None:
    predictions = {model.key: boastful() for model in LINEUP.judges}
    rows = calibration_measures(LINEUP, predictions)
    errors = {
        column_caption(row): row.value
        for row in rows
        if row.table is Table.CALIBRATION and row_caption(row) == FULL
    }
    assert errors["as they are"] == pytest.approx(30.0)
    assert errors["isotonic"] == pytest.approx(0.0, abs=1e-9)
    assert errors["temperature"] == pytest.approx(0.0, abs=0.1), "log-odds of 0.9 become those of 0.6"
    lines = reliability_lines(rows)
    assert lines[FULL] == (pytest.approx([10.0, 90.0]), pytest.approx([40.0, 60.0]))


def test_a_judge_that_met_no_wrong_step_has_no_calibration_error() -> None:
    predictions = {model.key: [step(n, True, 0.9) for n in range(8)] for model in LINEUP.judges}
    assert calibration_measures(LINEUP, predictions) == []
    assert calibrator_of(predictions[FULL]) is None


def test_calibrated_rewards_choose_what_holds_more_often(tmp_path: Path) -> None:
    """Steps with 0.8 are right more often than those with 0.9. Calibrated they are equal: the first drawn wins."""
    judged = [step(n, n < 8, 0.8) for n in range(10)] + [step(10 + n, n < 4, 0.9) for n in range(10)]
    store = TableStore(tmp_path)
    drawn = [
        SampledSolution(f"{problem}-{n}", problem, "?", ["a"], answer, n, answer == "1", 10)
        for problem in ("p", "q")
        for n, answer in enumerate(("1", "0"))
    ]
    rewards = [
        SolutionRewards(row.id, row.problem_id, [0.8 if row.correct else 0.9], [[0.5]], 1, 1, 0, None)
        for row in drawn
    ]
    store.write(SampledSolution, "candidates", drawn, "algebra")
    for model in LINEUP.rankers:
        store.write(SolutionRewards, "best_of_n", rewards, f"{model.key}|algebra")
    predictions = {model.key: judged for model in LINEUP.judges}
    rows = best_of_n_measures(LINEUP, store, predictions)
    found = {row_caption(row): row.value for row in rows if row.n == 2}
    assert found[f"{FULL} best, min"] == 0
    assert found[f"{FULL} best, min, calibrated"] == 100
    claims = {one.name: one.difference for one in best_of_n_claims(LINEUP, store, predictions)}
    assert claims[f"{FULL} best of 2: calibrated - as it is"] == 100
