"""The result table that a run ends with."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table

from genprm.records import Measure
from genprm.results.best_of_n import BEST_OF_N
from genprm.results.claims import JUDGES, Ordering, notes, orderings
from genprm.results.evidence import EVIDENCE
from genprm.results.paper_tables import PROCESSBENCH, TABLES, TOKENS
from genprm.results.pivot import pivot
from genprm.results.test_time import TEST_TIME

SHOWN = (*(title for title in TABLES if title not in (PROCESSBENCH, TOKENS)), BEST_OF_N, *TEST_TIME, EVIDENCE)
"""Tables that only larger profiles have. The report has all of them."""


def result_table(rows: Sequence[Measure]) -> RenderableType:
    """Data, labels, models and differences, with what did not come out as in the paper below."""
    parts: list[RenderableType | None] = [
        _plain("Policy", "", [row for row in rows if row.group == "data"]),
        _labels([row for row in rows if row.group == "labels"]),
        _intervals("F1 (%) by model", [r for r in rows if r.group == JUDGES and r.name.startswith("F1 ")]),
        *(_pivot(title, [row for row in rows if row.group == title]) for title in SHOWN),
        _orderings(orderings(rows)),
    ]
    return Group(*(part for part in parts if part is not None), *notes(rows))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table


def _plain(title: str, first: str, rows: Sequence[Measure]) -> Table:
    table = _table(title, first, "%", "of")
    for row in rows:
        table.add_row(row.name, f"{row.value:.1f}", str(row.count))
    return table


def _labels(rows: Sequence[Measure]) -> Table:
    variants = list(dict.fromkeys(row.subject for row in rows))
    table = _table("Labels and filter (%)", "", *variants)
    for name in dict.fromkeys(row.name for row in rows):
        values = {row.subject: f"{row.value:.1f}" for row in rows if row.name == name}
        table.add_row(name, *(values.get(variant, "") for variant in variants))
    return table


def _intervals(title: str, rows: Sequence[Measure]) -> Table:
    table = _table(title, "", "", "value", "95 % interval", "cases")
    for row in rows:
        interval = "" if row.low is None or row.high is None else f"{row.low:.1f} to {row.high:.1f}"
        table.add_row(row.subject, row.name.removeprefix("F1 "), f"{row.value:.1f}", interval, str(row.count))
    return table


def _orderings(rows: Sequence[Ordering]) -> Table:
    """Each claim of the paper with its difference and verdict."""
    table = _table("What the paper claims", "", "", "difference", "95 % interval", "items", "verdict")
    for row in rows:
        table.add_row(row.claim, row.measure, row.difference, row.interval, str(row.items), row.verdict)
    return table


def _pivot(title: str, rows: Sequence[Measure]) -> Table | None:
    """One of the paper's tables, without intervals; nothing where the profile does not make it."""
    if not rows:
        return None
    columns, cells = pivot(rows, intervals=False)
    table = _table(title, "", *columns)
    for subject, values in cells:
        table.add_row(subject, *values)
    return table


def print_results(console: Console, rows: Sequence[Measure]) -> None:
    """Print the table."""
    console.print(result_table(rows), highlight=False)
