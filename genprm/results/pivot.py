"""Measures of one table as people read it: a row for each thing measured, a column for each number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genprm.results.captions import column_caption, interval_cell, row_caption, value_cell
from genprm.results.measures import PAPER, Measure


class Pivot(NamedTuple):
    """A table for people; every row has as many cells as there are columns, empty where nothing was measured."""

    columns: list[str]
    rows: list[tuple[str, list[str]]]


ITEMS = "n"
"""The last column: the largest number of items that one of our numbers in the row was measured on."""


def pivot(measures: Sequence[Measure], intervals: bool = True) -> Pivot:
    """Arrange the measures of one table in rows and columns, both in the order of appearance."""
    columns = list(dict.fromkeys(column_caption(row) for row in measures))
    by_row: dict[str, dict[str, Measure]] = {}
    for row in measures:
        by_row.setdefault(row_caption(row), {})[column_caption(row)] = row
    rows = []
    for name, own in by_row.items():
        items = max((row.count for row in own.values() if row.source != PAPER), default=None)
        cells = [_cell(own[column], intervals) if column in own else "" for column in columns]
        rows.append((name, [*cells, "" if items is None else str(items)]))
    return Pivot([*columns, ITEMS], rows)


def _cell(row: Measure, intervals: bool) -> str:
    interval = interval_cell(row) if intervals else ""
    return f"{value_cell(row)} ({interval})" if interval else value_cell(row)
