"""`genprm import` and `genprm export`: sets of step labels in others' formats, and directories for the hub."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

FormatName = Annotated[str, typer.Argument(metavar="FORMAT", help="A format's name, e.g. math-shepherd.")]
HUB = "hub"
"""The word that is given in place of a format's name for a directory with a card."""
Out = Annotated[Path, typer.Argument(help="JSON lines are written here, or Parquet by its name.")]


def import_set(
    name: FormatName,
    file: Annotated[str, typer.Argument(help="JSON lines, a JSON array or Parquet; - is standard input.")],
    out: Out,
) -> None:
    """Read a set of step labels as {"problem", "steps", "labels", "further"}."""
    from genprm.commands.reading import read_objects
    from genprm.formats.base import format_named, import_rows

    _write(out, import_rows(format_named(name), read_objects(file)))


def export_set(
    name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="A format's name, e.g. math-shepherd; or hub, for a directory.")
    ],
    source: Annotated[
        str,
        typer.Argument(
            help="What `genprm import` wrote; - is standard input. For hub a checkpoint's directory, "
            "miniature/NAME, or a file of rows."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(help="JSON lines are written here, or Parquet by its name. For hub a new directory.")
    ],
    repository: Annotated[
        str | None,
        typer.Option("--push", metavar="REPO", help="With hub: upload the directory to this repository."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--license", help="With hub: the licence that the card states, e.g. apache-2.0.")
    ] = None,
) -> None:
    """Write step labels in the format of others, or a checkpoint or data set as a directory for the hub."""
    from genprm.commands.reading import read_objects
    from genprm.data_sets.rows import InputError
    from genprm.formats.base import export_rows, format_named

    if name == HUB:
        _to_hub(source, out, repository, licence)
        return
    for option in (option for option, value in {"--push": repository, "--license": licence}.items() if value):
        raise InputError(f"option {option} goes with {HUB}, and the format is {name!r}")
    _write(out, export_rows(format_named(name), read_objects(source)))


def _to_hub(source: str, out: Path, repository: str | None, licence: str | None) -> None:
    """Write the directory of a checkpoint, or of a data set where `source` is a file; upload it to `repository`."""
    from genprm.commands.reading import read_objects
    from genprm.hub.export import export_data, export_model
    from genprm.hub.push import check_token, push

    if repository is not None:
        check_token()
    is_data = Path(source).is_file()
    if is_data:
        export_data([row for _, row in read_objects(source)], Path(source), out, repository, licence)
        print(f"data set: {out}")
    else:
        facts = export_model(source, out, repository, licence)
        print(" ".join([f"model: {out}", *([f"({facts.not_measured})"] if facts.not_measured else [])]))
    if repository is not None:
        print(push(out, repository, "dataset" if is_data else "model"))


def _write(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    from genprm.commands.writing import write_output, write_parquet

    written = list(rows)
    if out.suffix == ".parquet":
        write_parquet(out, written)
    else:
        write_output(out, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in written))
    print(f"{len(written)} rows: {out}")
