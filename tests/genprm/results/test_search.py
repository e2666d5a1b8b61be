"""Searches in numbers, from rows that are made up: of twenty problems a method gets the first so many right."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.lineup import Lineup
from genprm.profiles import build_profile
from genprm.results.captions import column_caption, row_caption
from genprm.results.figures import figures_of, search_intervals, search_lines
from genprm.results.measures import Measure, Metric, Table
from genprm.results.search import search_measures
from genprm.search.budgets import SearchedProblem
from genprm.store import TableStore

PROBLEMS = 20
RIGHT = {"majority": (10, 10), "best-of-n": (10, 12), "beam": (0, 20)}
"""Right answers of each method on a budget of 1 and of 4 candidates."""
LINEUP = Lineup(
    build_profile(
        {
            "name": "p",
            "training": {"base": {"b": "hub/b"}},
            "evaluation": {"bootstrap": 200},
            "scaling": {"sets": ["algebra"]},
            "search": {"sets": ["algebra"], "methods": list(RIGHT), "budgets": [1, 4]},
        }
    )
)


def searched(problem: int, factor: int, right: bool) -> SearchedProblem:
    return SearchedProblem(
        f"p{problem}", factor, 50 * factor, right, "0.0", "1", ["a"], [], 30 * factor, 5, 5, 1, 1, 1
    )


@pytest.fixture
def measures(tmp_path: Path) -> tuple[list[Measure], dict[str, tuple[float, str]]]:
    store = TableStore(tmp_path)
    for method, counts in RIGHT.items():
        on_budget = dict(zip((1, 4), counts, strict=True))
        found = [searched(n, factor, n < right) for factor, right in on_budget.items() for n in range(PROBLEMS)]
        store.write(SearchedProblem, "search", found, f"{method}|algebra")
    rows, claims = search_measures(LINEUP, store)
    return rows, {claim.name: (claim.difference, claim.verdict) for claim in claims}


def test_each_method_stands_beside_both_baselines_on_every_budget(measures) -> None:  # type: ignore[no-untyped-def]
    rows, _ = measures
    found = {(row_caption(row), column_caption(row)): row.value for row in rows}
    assert found["algebra: beam, budget 1", "accuracy"] == 0
    assert found["algebra: beam, budget 1", "over majority"] == -50
    assert found["algebra: beam, budget 4", "over best-of-n"] == 40
    assert found["algebra: majority, budget 4", "tokens per problem"] == 130
    assert found["algebra: best-of-n, budget 4", "over majority"] == 10
    compared = {(row.setting, row.metric) for row in rows if row.metric.startswith("over")}
    assert compared == {
        ("best-of-n", Metric.OVER_MAJORITY),
        ("beam", Metric.OVER_MAJORITY),
        ("beam", Metric.OVER_BEST_OF_N),
    }


def test_claims_are_about_the_largest_budget(measures) -> None:  # type: ignore[no-untyped-def]
    _, claims = measures
    on = ", budget of 4 solutions"
    assert claims == {
        f"algebra: best-of-n - majority{on}": (10, "not decided"),
        f"algebra: beam - majority{on}": (50, "holds"),
        f"algebra: beam - best-of-n{on}": (40, "holds"),
    }


def test_accuracy_is_drawn_against_tokens_with_intervals(measures) -> None:  # type: ignore[no-untyped-def]
    rows, _ = measures
    assert search_lines(rows)["algebra: beam"] == ([40, 130], [0, 100])
    low, high = search_intervals(rows)["algebra: majority"][0]
    assert 25 < low < 50 < high < 75
    assert {row.metric for row in rows if row.interval is None} == {Metric.TOKENS_PER_PROBLEM}
    assert list(figures_of(rows)) == [Table.SEARCH]


def test_no_search_no_rows(tmp_path: Path) -> None:
    plain = Lineup(build_profile({"name": "p"}))
    assert search_measures(plain, TableStore(tmp_path)) == ([], [])
