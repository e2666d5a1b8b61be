"""Measures of one group as a table: a row for each subject, a column for each name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genprm.records import Measure


class Pivot(NamedTuple):
    """A table for people; every row has as many cells as there are columns, empty where nothing was measured."""

    columns: list[str]
    rows: list[tuple[str, list[str]]]


ITEMS = "n"
"""The last column: the most items that a number of ours in the row was measured on."""


def pivot(measures: Sequence[Measure], intervals: bool = True) -> Pivot:
    """The table of one group, subjects and names in the order of appearance."""
    names = list(dict.fromkeys(row.name for row in measures))
    rows = []
    for subject in dict.fromkeys(row.subject for row in measures):
        own = {row.name: row for row in measures if row.subject == subject}
        items = max((row.count for row in own.values() if not row.name.startswith("paper")), default=None)
        cells = [_cell(own[name], intervals) if name in own else "" for name in names]
        rows.append((subject, [*cells, "" if items is None else str(items)]))
    return Pivot([*names, ITEMS], rows)


def _cell(row: Measure, intervals: bool) -> str:
    value = f"{row.value:.0f}" if row.unit == "count" and row.value == int(row.value) else f"{row.value:.1f}"
    if row.low is None or row.high is None or not intervals:
        return value
    return f"{value} ({row.low:.1f} to {row.high:.1f})"
