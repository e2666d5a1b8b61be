"""`genprm calibrate`: how well step rewards are calibrated, and what a calibration map would improve."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from genprm.evaluation.calibration import Binning, ReliabilityBin


def calibrate(
    predictions: Annotated[
        str,
        typer.Argument(help='JSON lines {"label", "rewards"}, as of ProcessBench; - is standard input.'),
    ],
    bins: Annotated[int, typer.Option(help="Bins of rewards.", min=1)] = 10,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Write the map fitted on all solutions; calibration.json beside the weights makes it part of a "
            "checkpoint."
        ),
    ] = None,
    way: Annotated[str, typer.Option("--map", help="The map that is saved: isotonic or temperature.")] = "isotonic",
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Calibration error of step rewards in percent, as they are and calibrated on held-out solutions.

    With --save, judge and GenPRM.load show calibrated rewards beside those of the model.
    """
    from genprm.commands.reading import read_objects
    from genprm.commands.writing import write_output
    from genprm.data_sets.rows import InputError, shown
    from genprm.evaluation.calibration import labelled_rewards, reliability_curve
    from genprm.evaluation.calibration_file import calibration_json
    from genprm.evaluation.calibrators import FITS, held_out_errors
    from genprm.evaluation.predictions import parse_rewarded

    if way not in FITS:
        raise InputError(f"--map is {shown(way)}, allowed: {', '.join(FITS)}")
    cases = parse_rewarded(read_objects(predictions))
    try:
        errors = held_out_errors(cases, bins)
    except ValueError as error:
        raise InputError(f"{predictions}: {error}") from None
    labelled = labelled_rewards(cases)
    curve = reliability_curve(labelled, "mass", bins)
    if save is not None:
        write_output(save, calibration_json(FITS[way](labelled)) + "\n")
    if as_json:
        shares: list[dict[str, Any]] = [dataclasses.asdict(one) for one in curve]
        print(json.dumps({"calibration_error": errors, "reliability_curve": shares}, indent=1))
    else:
        show_calibration(curve, errors)


def show_calibration(curve: Sequence[ReliabilityBin], errors: Mapping[str, Mapping[Binning, float]]) -> None:
    """The reliability curve, then the calibration errors, in percent."""
    from rich.console import Console
    from rich.table import Table

    bins = Table("steps", "mean reward", "right", title="Bins of equal mass, in percent", title_justify="left")
    for one in curve:
        bins.add_row(str(one.steps), f"{100 * one.mean_reward:.1f}", f"{100 * one.share_right:.1f}")
    table = Table("rewards", *next(iter(errors.values())), title="Calibration error", title_justify="left")
    for name, by_binning in errors.items():
        table.add_row(name, *(f"{error:.1f}" for error in by_binning.values()))
    console = Console()
    console.print(bins)
    console.print(table)
