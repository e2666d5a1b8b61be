"""`genprm bench`: measure speed and cost on this machine, as ratios within one run."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measure speed and cost on this machine, as ratios within one run.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure speed and cost on this machine, as ratios within one run."""
