"""The figures of test-time compute, drawn from the leaderboard's measures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from genprm.records import Measure
from genprm.results.best_of_n import BEST_OF_N
from genprm.results.drawing import png
from genprm.results.test_time import BUDGET, ESCALATION, REFINEMENT

WIDTH, HEIGHT = 7.5, 3.6

Line = tuple[list[float], list[float]]


def figures_of(rows: Sequence[Measure]) -> dict[str, tuple[str, str]]:
    """Group -> what the figure shows and the picture (base64 PNG), for the groups that were measured."""
    drawn = {
        BEST_OF_N: ("Accuracy over N", best_of_n_lines(rows), "N", "accuracy (%)"),
        ESCALATION: ("F1 against tokens", escalation_lines(rows), "tokens per solution", "F1 (%)"),
        BUDGET: ("Accuracy against all tokens spent", budget_lines(rows), "tokens per problem", "accuracy (%)"),
        REFINEMENT: ("Accuracy after each turn", refinement_lines(rows), "turn", "accuracy (%)"),
    }
    return {
        group: (title, _picture(lines, x, y, powers=group in (BEST_OF_N, BUDGET)))
        for group, (title, lines, x, y) in drawn.items()
        if lines
    }


def _picture(lines: dict[str, Line], x: str, y: str, powers: bool) -> str:
    def draw(axes: Any) -> None:
        for name, (across, up) in lines.items():
            axes.plot(across, up, marker="o", markersize=4, label=name)
        if powers:
            axes.set_xscale("log", base=2)
        axes.set(xlabel=x, ylabel=y)
        axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return png(draw, WIDTH, HEIGHT)


def best_of_n_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Accuracy over N, a line for each way of choosing and set."""
    lines: dict[str, Line] = {}
    for row in rows:
        if row.group == BEST_OF_N:
            answer_set, _, size = row.name.partition(": N = ")
            _extend(lines, f"{answer_set}: {row.subject}", float(size), row.value)
    return lines


def escalation_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """F1 against tokens over the thresholds, a line for each ladder of models."""
    return _against(rows, ESCALATION, "tokens per solution", "F1", re.compile(r"(.*): tau = "))


def budget_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Accuracy against tokens over N, a line for each way of choosing."""
    return _against(rows, BUDGET, "tokens per problem", "accuracy", re.compile(r"(.*) of \d+$"))


def refinement_lines(rows: Sequence[Measure]) -> dict[str, Line]:
    """Accuracy over turns, a line for each critic of ours."""
    lines: dict[str, Line] = {}
    for row in rows:
        turn = re.fullmatch(r"turn (\d+)", row.name)
        if row.group == REFINEMENT and turn and not row.subject.startswith("paper"):
            _extend(lines, row.subject, float(turn[1]), row.value)
    return lines


def _against(rows: Sequence[Measure], group: str, x: str, y: str, line: re.Pattern[str]) -> dict[str, Line]:
    values = {(row.subject, row.name): row.value for row in rows if row.group == group}
    lines: dict[str, Line] = {}
    for subject in dict.fromkeys(subject for subject, _ in values):
        name = line.match(subject)
        if name and (subject, x) in values and (subject, y) in values:
            _extend(lines, name[1], values[subject, x], values[subject, y])
    return lines


def _extend(lines: dict[str, Line], name: str, x: float, y: float) -> None:
    across, up = lines.setdefault(name, ([], []))
    across.append(x)
    up.append(y)
