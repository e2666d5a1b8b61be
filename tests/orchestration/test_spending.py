"""What a run spent is read from what its materializations say, and shown beside the plan."""

from __future__ import annotations

import pytest
from conftest import House
from rich.console import Console

from assets.artifact import Spent
from genprm.planning.planned import Planned
from orchestration.spending import Spending, comparison, spending


@pytest.mark.parametrize(
    ("metadata", "spent"),
    [
        ([None, None], Spending(0, 2)),
        ([{"rows": 3, "tokens": 30, "executions": 0}, None], Spending(1, 2, 3, None, 30, 0)),
        (
            [{"rows": 3, "tokens": 30, "prompt tokens": 5}, {"rows": 1, "tokens": 4, "prompt tokens": 2}],
            Spending(2, 2, 4, 7, 34, None),
        ),
        # a partition that costs nothing says nothing
        ([{"rows": 3, "tokens": 30}, {"mode": "full"}], Spending(2, 2, 3, None, 30, None)),
    ],
)
def test_partitions_add_up(metadata: list[dict[str, int] | None], spent: Spending) -> None:
    assert spending(metadata, Spent("rows")) == spent


def test_every_artifact_of_a_plan_says_what_it_spent(made_once: House) -> None:
    # the fake method: eight problems of 8 samples and two solutions each, of which two steps have 8 rollouts
    assert made_once.spent("solutions") == Spending(2, 2, 64, 160, 640, None)
    assert made_once.spent("mc_scores") == Spending(2, 2, 16 * 16, 0, 16 * 40, None)
    assert made_once.spent("rationales") == Spending(2, 2, 16 * 3, 16 * 30, 16 * 27, 16 * 3)


def test_spending_stands_beside_the_plan() -> None:
    rows = [
        Planned("mc_scores", 9999, 0, 0, 0, 0, 0, 0, 0, 0, "fixed", chosen=False),
        Planned("mc_scores", 1000, 50_000, 400, 8000, 0, 0, 0, 0, 0, "sequential"),
    ]
    spent = {"mc_scores": Spending(1, 2, 900, 500, 8400, None), "rationales": Spending(0, 2)}
    console = Console(width=200, record=True)
    console.print(comparison(spent, rows, "from a pilot on 9 problems"))
    title, _, line, of_plan = console.export_text().strip().splitlines()
    assert title.strip() == "spent, beside the plan from a pilot on 9 problems"
    assert line.split()[0] == "mc_scores"
    assert "1 of 2" in line
    assert line.split()[-3:] == ["900", "500", "8,400"]
    assert " ".join(of_plan.split()) == "90 % of 1k 125 % of 400 105 % of 8k"
