"""Measures as a table for people."""

from __future__ import annotations

from genprm.results.measures import PAPER, Measure, Metric, Table, Unit
from genprm.results.pivot import pivot


def test_a_pivot_has_a_row_for_each_thing_measured() -> None:
    percent = {"table": Table.DATA_SIZE, "metric": Metric.F1, "unit": Unit.PERCENT, "setting": "50 %", "votes": 1}
    rows = [
        Measure(**percent, value=50.0, low=40.0, high=60.0, count=7, model="a"),
        Measure(**percent, value=8.0, count=3400, model="b", source=PAPER),
        Measure(
            table=Table.DATA_SIZE,
            metric=Metric.CONVERSATIONS,
            value=40.0,
            unit=Unit.COUNT,
            count=9,
            model="a",
            setting="50 %",
        ),
    ]
    assert pivot(rows) == (
        ["F1 Pass@1", "paper F1 Pass@1", "conversations", "n"],
        [("a, 50 %", ["50.0 (40.0 to 60.0)", "", "40", "9"]), ("b, 50 %", ["", "8.0", "", ""])],
    )
    assert pivot(rows, intervals=False).rows[0][1][0] == "50.0"
