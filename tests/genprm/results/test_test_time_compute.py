"""What compute at test time buys, from rows that are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genprm.lineup import Lineup
from genprm.profiles import build_profile
from genprm.records import Prediction, SampledSolution, SolutionRewards
from genprm.results.budget import budget_measures
from genprm.results.captions import column_caption, row_caption
from genprm.results.escalation import escalation_measures
from genprm.results.figures import best_of_n_lines, budget_lines, escalation_lines, figures_of, refinement_lines
from genprm.results.measures import Measure, Metric, Table, Unit
from genprm.results.refinement import correct_by_turn, refinement_measures
from genprm.scaling.refinement import RefinedAttempt
from genprm.store import TableStore

VALUES: dict[str, Any] = {
    "name": "p",
    "training": {"base": {"b": "hub/b"}},
    "evaluation": {"subsets": ["s"], "other_modes": ["direct", "cot"], "bootstrap": 200},
    "scaling": {"sets": ["algebra"], "candidates": 2, "aggregate": "min"},
    "refinement": {"sets": ["algebra"], "turns": 2},
}
LINEUP = Lineup(build_profile(VALUES))
FULL = "b.main.full"


def said(case: int, right: bool, tokens: int, reward: float) -> Prediction:
    """Half of the cases have an error at their only step; a judge is right about a case or not, at some reward."""
    label = 0 if case % 2 else -1
    yes = right != bool(case % 2)
    rewards = [reward if yes else 1 - reward]
    return Prediction(f"c{case}", "s", "g", "p", ["a"], True, label, -1, rewards, [rewards], tokens, 0)


def test_escalation_that_is_sure_where_it_is_right_costs_less_and_loses_nothing() -> None:
    direct = [said(case, case < 20, 1, 0.99 if case < 20 else 0.6) for case in range(40)]
    cot = [said(case, False, 10, 0.7) for case in range(40)]
    full = [said(case, True, 100, 0.8) for case in range(40)]
    predictions = {f"{FULL}.as-direct": direct, f"{FULL}.as-cot": cot, FULL: full, "b.main.direct": direct}
    rows, claimed = escalation_measures(LINEUP, {**predictions, "b.main.cot": cot})
    name = f"{FULL}, three modes: tau = 0.1"
    found = {column_caption(row): row.value for row in rows if row_caption(row) == name}
    # 20 of 40 end at once; the others pay for all three.
    assert found == {
        "F1": 100.0,
        "tokens per solution": 56.0,
        "direct (%)": 50.0,
        "analysis (%)": 0.0,
        "full (%)": 50.0,
    }
    claims = {claim.name: claim.verdict for claim in claimed}
    assert claims[f"adaptive ({FULL}, three modes) - full"] == "holds"
    assert claims[f"full - adaptive ({FULL}, three modes)"] == "holds"
    across, up = escalation_lines(rows)[f"{FULL}, three modes"]
    assert (across[-1], up[-1]) == (1.0, 50.0), "tau = 0.5 takes every direct verdict"


def test_the_verifier_s_own_escalation_is_compared_with_full_mode() -> None:
    evaluation = {**VALUES["evaluation"], "other_modes": ["adaptive"], "verifier": {"tau": 0.2}}
    training = {**VALUES["training"], "modes": ["full"]}
    lineup = Lineup(build_profile({**VALUES, "training": training, "evaluation": evaluation}))
    full = [said(case, True, 100, 0.8) for case in range(40)]
    adaptive = [said(case, case < 30, 30, 0.9) for case in range(40)]
    rows, claimed = escalation_measures(lineup, {FULL: full, f"{FULL}.as-adaptive": adaptive})
    name = f"{FULL}, step by step: tau = 0.2"
    shown = {column_caption(row): row.value for row in rows if row_caption(row) == name}
    assert shown == {"F1": pytest.approx(75.0), "tokens per solution": 30.0}
    claims = {claim.name: (claim.difference, claim.verdict) for claim in claimed}
    assert claims[f"adaptive ({FULL}, step by step) - full"] == (pytest.approx(-25.0), "does not hold")
    assert claims[f"full - adaptive ({FULL}, step by step)"] == (70.0, "holds")


def test_no_escalation_without_the_modes() -> None:
    plain = Lineup(build_profile({"name": "p", "training": {"base": {"b": "hub/b"}}}))
    assert escalation_measures(plain, {}) == ([], [])


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(tmp_path)


def test_a_majority_costs_the_policy_alone_and_a_verifier_all_tokens(store: TableStore) -> None:
    drawn = [
        SampledSolution(f"{problem}-{n}", problem, "?", ["a"], answer, group, answer == "1", 10)
        for problem in ("p", "q")
        for n, (answer, group) in enumerate((("0", 0), ("1", 1)))
    ]
    rewards = [
        SolutionRewards(row.id, row.problem_id, [0.9 if row.correct else 0.1], [[0.5]], 30, 5, 0, None)
        for row in drawn
    ]
    store.write(SampledSolution, "candidates", drawn, "algebra")
    store.write(SolutionRewards, "best_of_n", rewards, f"{FULL}|algebra")
    rows = budget_measures(LINEUP, store)
    found = {(row_caption(row), column_caption(row)): row.value for row in rows}
    assert found["algebra: majority of 2", "accuracy"] == 0, "two against one another: the first counts"
    assert found["algebra: majority of 2", "tokens per problem"] == 20
    assert found[f"algebra: {FULL}, best of 2", "accuracy"] == 100
    assert found[f"algebra: {FULL}, best of 2", "tokens per problem"] == 90
    assert budget_lines(rows) == {
        "algebra: majority": ([10, 20], [50, 0]),
        f"algebra: {FULL}, best": ([45, 90], [50, 100]),
    }


def attempts(critic: str, *paths: list[bool]) -> list[RefinedAttempt]:
    """One solution per path of right and wrong attempts; two solutions a problem."""
    return [
        RefinedAttempt(critic, f"p{n // 2}", f"s{n}", turn, ["a"], "1", right, None if right else 0, "", 10, 5)
        for n, path in enumerate(paths)
        for turn, right in enumerate(path)
    ]


def test_critics_are_compared_after_the_last_turn(store: TableStore) -> None:
    better = attempts(FULL, [True], [False, True], [False, False, True], [False, True])
    same = attempts("self", [True], [False, False, False], [False], [False])
    worse = attempts("b.untrained", [True, False, False], [False], [False], [False])
    store.write(RefinedAttempt, "refinement", [*better, *same, *worse], "algebra")
    assert correct_by_turn(better, FULL, 2)["p0", "s0"] == [True, True, True], "what has ended stays"
    rows, claimed = refinement_measures(LINEUP, store)
    found = {(row_caption(row), column_caption(row)): row.value for row in rows}
    assert [found[f"algebra: {FULL}", f"turn {turn}"] for turn in range(3)] == [25, 75, 100]
    assert (found[f"algebra: {FULL}", "made right"], found[f"algebra: {FULL}", "made wrong"]) == (3, 0)
    assert (found["algebra: b.untrained", "made right"], found["algebra: b.untrained", "made wrong"]) == (0, 1)
    assert found["paper: GenPRM-7B", "turn 2"] == 50.7
    claims = {claim.name: claim.difference for claim in claimed}
    assert claims == {
        f"algebra: {FULL} critic - self, after the last turn": 75.0,
        f"algebra: {FULL} critic - b.untrained, after the last turn": 100.0,
    }
    assert refinement_lines(rows)["algebra: self"] == ([0, 1, 2], [25, 25, 25])


def test_figures_are_drawn_of_what_was_measured() -> None:
    rows = [
        Measure(
            table=Table.BEST_OF_N,
            metric=Metric.ACCURACY,
            value=50.0 + n,
            unit=Unit.PERCENT,
            count=9,
            setting="majority",
            subset="s",
            n=n,
        )
        for n in (1, 2, 4)
    ]
    assert best_of_n_lines(rows) == {"s: majority": ([1, 2, 4], [51, 52, 54])}
    assert list(figures_of(rows)) == [Table.BEST_OF_N]
