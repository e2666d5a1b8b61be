"""`genprm miniature`: the synthetic world and its small models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The synthetic world and its small models.", no_args_is_help=True)


@app.command()
def train(
    out: Annotated[
        Path | None, typer.Option(help="Where the models go.", show_default="miniature-weights in GENPRM_HOME")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Time for training.", show_default="the recipe's, about 80 on two idle cores"),
    ] = None,
) -> None:
    """Train the small models from scratch and compare them with the shipped ones."""
    from genprm.data_sets.rows import InputError
    from genprm.settings import home

    if minutes is not None and not minutes > 0:
        raise InputError(f"--minutes is {minutes}, allowed: a number above 0")
    folder = (out or home() / "miniature-weights").resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out is {str(folder)!r}, which is a file, allowed: a directory")
    from genprm.miniature.foundry.train import TrainingFailedError, retrain

    try:
        retrain(folder, minutes)
    except TrainingFailedError as error:
        print(f"genprm: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"models: {folder}")
