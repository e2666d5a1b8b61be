"""`genprm view`: transcripts of verifications as one HTML page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer


def view(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE",
            help="A profile whose predictions are in this home, a Parquet file of predictions, or JSON lines.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the page is written.")] = Path("transcripts.html"),
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Write a page on which verifications can be found, filtered and read."""
    from genprm.commands.reading import read_objects
    from genprm.commands.writing import write_output
    from genprm.store import profile_store
    from genprm.view.transcripts import from_rows, from_table, from_tables

    path = Path(source)
    if path.is_file() and path.suffix == ".parquet":
        cases = from_table(path, path.stem)
    elif path.is_file() or source == "-":
        cases = from_rows(read_objects(source))
    else:
        cases = from_tables(profile_store(source))
    from genprm.view.page import render

    write_output(out, render(cases, f"Verifications: {path.name}"))
    print(f"{len(cases)} cases: {out}")
    if open_it:
        webbrowser.open(out.resolve().as_uri())
