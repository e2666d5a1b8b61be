"""`genprm score`: ProcessBench metrics of anyone's predictions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genprm.evaluation.metrics import BenchmarkScore
    from genprm.intervals import Interval


def score(
    predictions: Annotated[
        str,
        typer.Argument(
            help='JSON lines {"id", "subset"?, "label", "prediction"}, or with "rewards"; - is standard input.'
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Score predictions of the first wrong step: accuracies and F1 per subset, in percent."""
    from genprm.commands.reading import read_objects
    from genprm.evaluation.metrics import report_json, score_predictions
    from genprm.evaluation.predictions import parse_predictions

    result = score_predictions(parse_predictions(read_objects(predictions), predictions))
    if as_json:
        print(json.dumps(report_json(result), indent=1))
    else:
        show_score(result)


def show_score(result: BenchmarkScore, title: str | None = None) -> None:
    """The table of a benchmark score: one row per subset, then the mean."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    table.add_column("subset")
    for column in ("wrong", "right", "error acc.", "correct acc.", "F1", "95 % interval"):
        table.add_column(column, justify="right")
    for name, subset in result.subsets.items():
        counts = (str(subset.n_error), str(subset.n_correct))
        values = (percent(subset.error_acc), percent(subset.correct_acc), percent(subset.f1, subset.f1_spread))
        table.add_row(Text(name), *counts, *values, interval(subset.f1_ci95))
    table.add_section()
    mean = percent(result.mean_f1, result.mean_f1_spread)
    table.add_row("mean", "", "", "", "", mean, interval(result.mean_f1_ci95))
    Console().print(table)


def percent(value: float | None, spread: float | None = None) -> str:
    """A number with one digit, with its spread if there is one; a dash for none."""
    if value is None:
        return "-"
    return f"{value:.1f}" if spread is None else f"{value:.1f} ± {spread:.1f}"


def interval(value: Interval | None) -> str:
    """Both ends with one digit; a dash for none."""
    return "-" if value is None else f"{value.low:.1f} to {value.high:.1f}"
