"""The result table that a run ends with."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table

from assets.orderings import DIFFERENCES, JUDGES, notes
from assets.scaling_measures import BEST_OF_N
from genprm.records import Measure


def result_table(rows: Sequence[Measure]) -> RenderableType:
    """Data, labels, models and differences, with what did not come out as in the paper below."""
    parts: list[RenderableType | None] = [
        _plain("Policy", "", [row for row in rows if row.group == "data"]),
        _labels([row for row in rows if row.group == "labels"]),
        _intervals("F1 (%) by model", [r for r in rows if r.group == JUDGES and r.name.startswith("F1 ")]),
        _best_of_n([row for row in rows if row.group == BEST_OF_N]),
        _intervals("Differences (points)", [row for row in rows if row.group == DIFFERENCES]),
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


def _best_of_n(rows: Sequence[Measure]) -> Table | None:
    """Accuracy over N, a row for each way of choosing; nothing where no candidates were drawn."""
    if not rows:
        return None
    columns = list(dict.fromkeys(row.name for row in rows))
    table = _table("Best-of-N: accuracy (%)", "", *columns)
    for subject in dict.fromkeys(row.subject for row in rows):
        values = {row.name: f"{row.value:.1f}" for row in rows if row.subject == subject}
        table.add_row(subject, *(values.get(column, "") for column in columns))
    return table


def print_results(console: Console, rows: Sequence[Measure]) -> None:
    """Print the table."""
    console.print(result_table(rows), highlight=False)
