"""The result table that a run ends with."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table as ShownTable

from genprm.results.captions import (
    TITLES,
    column_caption,
    difference_cell,
    interval_cell,
    metric_caption,
    notes,
    value_cell,
    votes_caption,
)
from genprm.results.claims import Claim
from genprm.results.figures import f1_rows
from genprm.results.leaderboard import Results
from genprm.results.measures import Measure, Table
from genprm.results.pivot import pivot

SHOWN = (
    *(Table.LABEL_SETTINGS, Table.COMPONENTS, Table.DATA_SIZE, Table.BEST_OF_N, Table.ESCALATION),
    *(Table.BUDGET, Table.REFINEMENT, Table.SEARCH, Table.EVIDENCE),
)
"""Tables that only larger profiles have. The report has all of them."""


def result_table(results: Results) -> RenderableType:
    """Data, labels, models and differences; below them, what did not come out as in the paper."""
    measures, claims = results
    parts: list[RenderableType | None] = [
        _policy([row for row in measures if row.table is Table.POLICY]),
        _labels([row for row in measures if row.table is Table.LABELS]),
        _f1(f1_rows(measures)),
        *(_pivot(table, [row for row in measures if row.table is table]) for table in SHOWN),
        _claims(claims),
    ]
    return Group(*(part for part in parts if part is not None), *notes(claims))


def _table(title: str, *columns: str) -> ShownTable:
    table = ShownTable(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table


def _policy(rows: Sequence[Measure]) -> ShownTable:
    table = _table("Policy", "", "%", "of")
    for row in rows:
        table.add_row(column_caption(row), value_cell(row), str(row.count))
    return table


def _labels(rows: Sequence[Measure]) -> ShownTable:
    variants = list(dict.fromkeys(row.variant for row in rows))
    table = _table(TITLES[Table.LABELS], "", *variants)
    for name in dict.fromkeys(column_caption(row) for row in rows):
        values = {row.variant: value_cell(row) for row in rows if column_caption(row) == name}
        table.add_row(name, *(values.get(variant, "") for variant in variants))
    return table


def _f1(rows: Sequence[Measure]) -> ShownTable:
    table = _table("F1 (%) by model", "", "", "value", "95 % interval", "cases")
    for row in rows:
        table.add_row(row.model, votes_caption(row.votes), value_cell(row), interval_cell(row), str(row.count))
    return table


def _claims(claims: Sequence[Claim]) -> ShownTable:
    """Each claim of the paper with its difference and verdict."""
    table = _table("What the paper claims", "", "", "difference", "95 % interval", "items", "verdict")
    for one in claims:
        table.add_row(
            one.name, metric_caption(one), difference_cell(one), interval_cell(one), str(one.count), one.verdict
        )
    return table


def _pivot(of: Table, rows: Sequence[Measure]) -> ShownTable | None:
    """One of the paper's tables, without intervals; nothing where the profile does not make it."""
    if not rows:
        return None
    columns, cells = pivot(rows, intervals=False)
    table = _table(TITLES[of], "", *columns)
    for name, values in cells:
        table.add_row(name, *values)
    return table


def print_results(console: Console, results: Results) -> None:
    """Print the table."""
    console.print(result_table(results), highlight=False)
