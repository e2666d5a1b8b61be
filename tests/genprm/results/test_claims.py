"""What a difference says about the ordering that is claimed."""

from __future__ import annotations

from genprm.intervals import Difference, Interval
from genprm.results.captions import difference_cell, interval_cell, metric_caption, notes, paper_cell, side_cells
from genprm.results.claims import CLEARLY_WORSE, Claim, Side, claim
from genprm.results.measures import Metric, Unit


def difference(name: str, value: float, low: float, high: float, margin: float = 0.0) -> Claim:
    return Claim(
        name=name,
        metric=Metric.F1,
        first="a",
        first_value=50 + value,
        second="b",
        second_value=50.0,
        difference=value,
        low=low,
        high=high,
        unit=Unit.POINTS,
        count=100,
        margin=margin,
    )


def test_each_ordering_that_does_not_show_gets_one_line() -> None:
    lines = notes(
        [
            difference("full - untrained", 9.0, 4.0, 14.0),
            difference("full - direct", 3.0, -1.0, 7.0),
            difference("full - cot", -0.5, -4.0, 3.0),
            difference("full Maj - Pass@1", -2.0, -3.0, -1.0),
            difference("adaptive - full", -2.0, -3.0, -1.0, CLEARLY_WORSE),
            difference("slow - full", -7.0, -9.0, -6.0, CLEARLY_WORSE),
        ]
    )
    assert lines == [
        "Not decided: full - direct (F1: +3.0 points, 95 % [-1.0, +7.0], 100 items).",
        "Not decided: full - cot (F1: -0.5 points, 95 % [-4.0, +3.0], 100 items).",
        "Does not hold: full Maj - Pass@1 (F1: -2.0 points, 95 % [-3.0, -1.0], 100 items).",
        "Does not hold: slow - full (F1, no worse: -7.0 points, 95 % [-9.0, -6.0], 100 items).",
    ]


def test_a_claim_shows_both_sides_and_what_the_paper_has() -> None:
    sides = Side("full", 60.0), Side("direct", 50.0)
    found = claim("full - direct", Metric.F1, sides, Difference(10.0, Interval(2.0, 18.0)), 200, (75.2, 60.0))
    assert (found.name, metric_caption(found), found.count) == ("full - direct", "F1", 200)
    assert side_cells(found) == ("full 60.0", "direct 50.0")
    assert (difference_cell(found), interval_cell(found)) == ("+10.0 points", "+2.0 to +18.0")
    assert (found.verdict, paper_cell(found)) == ("holds", "75.2 and 60.0")
