"""Figures drawn from measures: functions that draw on matplotlib's axes, and base64 PNG for pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from genprm.intervals import Interval
from genprm.results.captions import line_caption, reason_caption, votes_caption
from genprm.results.drawing import png
from genprm.results.measures import MEAN, OURS, Measure, Metric, Table

WIDTH, HEIGHT = 7.5, 3.6

Line = tuple[list[float], list[float]]


class Figure(NamedTuple):
    """What a figure shows, and the picture (base64 PNG)."""

    title: str
    picture: str


def figures_of(rows: Sequence[Measure]) -> dict[Table, Figure]:
    """The figure of each table that has one and was measured."""
    drawn: Mapping[Table, tuple[str, dict[str, Line], str, str]] = {
        Table.BEST_OF_N: ("Accuracy over N", best_of_n_lines(rows), "N", "accuracy (%)"),
        Table.ESCALATION: ("F1 against tokens", escalation_lines(rows), "tokens per solution", "F1 (%)"),
        Table.BUDGET: (
            *("Accuracy against all tokens spent", budget_lines(rows)),
            *("tokens per problem", "accuracy (%)"),
        ),
        Table.RELIABILITY: ("What rewards promise", reliability_lines(rows), "mean reward (%)", "right steps (%)"),
        Table.REFINEMENT: ("Accuracy after each turn", refinement_lines(rows), "turn", "accuracy (%)"),
        Table.SEARCH: (
            *("Accuracy of searches against all tokens spent, with 95 % intervals", search_lines(rows)),
            *("tokens per problem", "accuracy (%)"),
        ),
    }
    powers = (Table.BEST_OF_N, Table.BUDGET, Table.SEARCH)
    intervals = {Table.SEARCH: search_intervals(rows)}
    figures = {
        table: Figure(title, _picture(lines, x, y, table in powers, intervals.get(table, {})))
        for table, (title, lines, x, y) in drawn.items()
        if lines
    }
    filtered = [row for row in rows if row.table is Table.LABELS and row.metric is Metric.FILTERED]
    if filtered:
        figures[Table.LABELS] = Figure("What the filter decided", _reasons_picture(filtered))
    return figures


def _picture(
    lines: dict[str, Line], x: str, y: str, powers: bool, intervals: Mapping[str, Sequence[Interval]]
) -> str:
    def draw(axes: Any) -> None:
        for name, (across, up) in lines.items():
            (drawn,) = axes.plot(across, up, marker="o", markersize=4, label=name)
            if name in intervals:
                axes.vlines(across, *zip(*intervals[name], strict=True), color=drawn.get_color(), linewidth=0.6)
        if powers:
            axes.set_xscale("log", base=2)
        axes.set(xlabel=x, ylabel=y)
        axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return png(draw, WIDTH, HEIGHT)


def best_of_n_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Accuracy over N, a line for each way of choosing and set."""
    lines: dict[str, Line] = {}
    for row in rows:
        if row.table is Table.BEST_OF_N and row.n is not None:
            _extend(lines, line_caption(row), row.n, row.value)
    return lines


def escalation_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """F1 against tokens over the thresholds, a line for each ladder of models."""
    found = [row for row in rows if row.table is Table.ESCALATION and row.tau is not None]
    return _against(found, Metric.TOKENS_PER_SOLUTION, Metric.F1)


def budget_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Accuracy against tokens over N, a line for each way of choosing."""
    found = [row for row in rows if row.table is Table.BUDGET]
    return _against(found, Metric.TOKENS_PER_PROBLEM, Metric.ACCURACY)


def reliability_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Share of right steps against mean reward over the bins, a line per model, and one for calibrated rewards."""
    found = [row for row in rows if row.table is Table.RELIABILITY]
    lines = _against(found, Metric.MEAN_REWARD, Metric.SHARE_RIGHT)
    return {**lines, "calibrated": ([0.0, 100.0], [0.0, 100.0])} if lines else lines


def refinement_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Accuracy over turns, a line for each critic of ours."""
    lines: dict[str, Line] = {}
    for row in rows:
        if row.table is Table.REFINEMENT and row.turn is not None and row.source == OURS:
            _extend(lines, line_caption(row), row.turn, row.value)
    return lines


def search_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Accuracy against tokens over budgets, a line for each method."""
    found = [row for row in rows if row.table is Table.SEARCH]
    return _against(found, Metric.TOKENS_PER_PROBLEM, Metric.ACCURACY)


def search_intervals(rows: Sequence[Measure]) -> dict[str, list[Interval]]:
    """The interval of each point of `search_lines`."""
    found: dict[str, list[Interval]] = {}
    for row in rows:
        if row.table is Table.SEARCH and row.metric is Metric.ACCURACY and row.interval is not None:
            found.setdefault(line_caption(row), []).append(row.interval)
    return found


def _against(rows: Sequence[Measure], x: Metric, y: Metric) -> dict[str, Line]:
    """Points from pairs of measures that differ only in their metric (`x`, `y`), in order along each line."""
    points: dict[tuple[str, float | None, int | None], dict[Metric, float]] = {}
    for row in rows:
        points.setdefault((line_caption(row), row.tau, row.n), {})[row.metric] = row.value
    lines: dict[str, Line] = {}
    for (name, _, _), values in points.items():
        if x in values and y in values:
            _extend(lines, name, values[x], values[y])
    return lines


def _extend(lines: dict[str, Line], name: str, x: float, y: float) -> None:
    across, up = lines.setdefault(name, ([], []))
    across.append(x)
    up.append(y)


def f1_rows(rows: Sequence[Measure]) -> list[Measure]:
    """The headline of every model: mean F1 over the subsets, Pass@1 and Maj@N."""
    return [row for row in rows if row.table is Table.JUDGES and row.metric is Metric.F1 and row.subset == MEAN]


def f1_plot(rows: Sequence[Measure]) -> tuple[Callable[[Any], None], float, float]:
    """How to draw the F1 of all models, and how wide and high (inches)."""
    chosen = f1_rows(rows)

    def draw(axes: Any) -> None:
        names = [f"{row.model} {votes_caption(row.votes)}" for row in chosen]
        values = [row.value for row in chosen]
        below = [row.value - (row.value if row.low is None else row.low) for row in chosen]
        above = [(row.value if row.high is None else row.high) - row.value for row in chosen]
        colours = ["#9dbbdc" if row.votes == 1 else "#3b6ea5" for row in chosen]
        axes.barh(names, values, xerr=[below, above], color=colours, capsize=3)
        axes.set(xlabel="F1 (%), 95 % interval", xlim=(0, 100), ylim=(len(names) - 0.5, -0.5))

    return draw, WIDTH, 0.8 + 0.35 * len(chosen)


def _reasons_picture(filtered: Sequence[Measure]) -> str:
    variants = list(dict.fromkeys(row.variant for row in filtered))

    def draw(axes: Any) -> None:
        left = [0.0] * len(variants)
        for reason in dict.fromkeys(reason_caption(row) for row in filtered):
            widths = [row.value for row in filtered if reason_caption(row) == reason]
            axes.barh(variants, widths, left=left, label=reason)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.set(xlabel="solutions (%)", xlim=(0, 100))
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return png(draw, WIDTH, 1.2 + 0.35 * len(variants))
