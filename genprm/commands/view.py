"""`genprm view`: transcripts of verifications as one HTML page."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genprm.commands.options import takes

if TYPE_CHECKING:
    from genprm.view.transcripts import Case

PAGE = "transcripts.html"


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """Options of `genprm view`."""

    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE",
            help="A profile whose predictions are in this home, a Parquet file of predictions, or JSON lines.",
        ),
    ]
    model: Annotated[str | None, typer.Option("--model", help="The predictions of one model of a run.")] = None
    subset: Annotated[str | None, typer.Option("--subset", help="The predictions of a run on one subset.")] = None
    rationales: Annotated[
        bool, typer.Option("--rationales", help="The rationales of a run in place of its predictions.")
    ] = False
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help=f"Where the page is written; {PAGE} when not given, beside the report for a run.",
            show_default=False,
        ),
    ] = None
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False

    @property
    def is_file(self) -> bool:
        """Whether the source is a file, and not a run."""
        return self.source == "-" or Path(self.source).is_file()


@takes(ViewOptions)
def view(options: ViewOptions) -> None:
    """Write a page on which verifications can be found, filtered and read."""
    from genprm.commands.writing import write_output
    from genprm.view.page import render

    cases = _of_file(options) if options.is_file else _of_run(options)
    out = options.out or _default_out(options)
    write_output(out, render(cases, f"Verifications: {Path(options.source).name}"))
    print(f"{len(cases)} cases: {out}")
    if options.open_it:
        webbrowser.open(out.resolve().as_uri())


def _default_out(options: ViewOptions) -> Path:
    from genprm.store import profile_store

    return Path(PAGE) if options.is_file else profile_store(options.source).folder("report") / PAGE


def _of_file(options: ViewOptions) -> list[Case]:
    from genprm.commands.reading import read_objects
    from genprm.data_sets.rows import InputError, shown
    from genprm.view.transcripts import from_rows, from_table

    given = {"--model": options.model, "--subset": options.subset, "--rationales": options.rationales}
    for option in (name for name, value in given.items() if value):
        raise InputError(f"option {option} chooses from a run, and {shown(options.source)} is a file")
    path = Path(options.source)
    if path.suffix == ".parquet":
        return from_table(path, path.stem)
    return from_rows(read_objects(options.source))


def _of_run(options: ViewOptions) -> list[Case]:
    from genprm.data_sets.rows import InputError
    from genprm.store import profile_store
    from genprm.view.runs import predicted_cases, rationale_cases

    store = profile_store(options.source)
    if not options.rationales:
        return predicted_cases(store, options.model, options.subset)
    if options.model or options.subset:
        raise InputError("option --rationales goes without --model and --subset")
    return rationale_cases(store)
