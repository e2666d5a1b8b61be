"""`genprm miniature`: the synthetic world and its small models."""

from __future__ import annotations

import typer

app = typer.Typer(help="The synthetic world and its small models.", no_args_is_help=True)


@app.callback()
def miniature() -> None:
    """The synthetic world and its small models."""
