"""`genprm smol`: the small real rationale model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The small real rationale model.", no_args_is_help=True)


@app.callback()
def smol() -> None:
    """The small real rationale model."""


@app.command()
def train(
    out: Annotated[
        Path | None, typer.Option(help="Where the checkpoint goes.", show_default="smol-rationale in GENPRM_HOME")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="The model to start from.", show_default="HuggingFaceTB/SmolLM2-135M-Instruct"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Directory with the data sets, or hub.", show_default="GENPRM_DATA_DIR, else the hub"),
    ] = None,
    conversations: Annotated[
        int | None, typer.Option(help="Conversations to train on.", show_default="the recipe's")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides problems, mistakes and order.")] = 0,
) -> None:
    """Teach SmolLM2 to check steps in English; an interrupted run of the same command continues."""
    from genprm.data_sets.rows import InputError
    from genprm.data_sets.sources import data_directory
    from genprm.settings import home
    from genprm.smol.recipe import BASE, Recipe
    from genprm.smol.train import SmolJob, train_smol
    from genprm.training import TrainingError

    if conversations is not None and conversations < 1:
        raise InputError(f"--conversations is {conversations}, allowed: a whole number from 1")
    folder = (out or home() / "smol-rationale").resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out is {str(folder)!r}, which is a file, allowed: a directory")
    recipe = Recipe(seed=seed) if conversations is None else Recipe(seed=seed, conversations=conversations)
    try:
        report = train_smol(SmolJob(folder, base or BASE, data_directory(data), recipe))
    except TrainingError as error:
        print(f"genprm: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{report.steps} updates on {report.examples} conversations, {report.tokens} tokens: {folder}")
    print(f"Go on with: {next_command(folder)}")


def next_command(folder: Path) -> str:
    """What runs the profile `smol` with a rationale model in `folder`; it names the one in the default home."""
    from genprm.profiles import load_profile

    named = load_profile("smol").rationales.model
    told = "" if Path(named).resolve() == folder else f" --set rationales.model={folder}"
    return f"genprm run --profile smol{told}"


@app.command()
def cases(
    out: Annotated[Path, typer.Option(help="File to write, JSON lines for `genprm evaluate file`.")],
    data: Annotated[
        str | None,
        typer.Option(help="Directory with the data sets, or hub.", show_default="GENPRM_DATA_DIR, else the hub"),
    ] = None,
    count: Annotated[int, typer.Option(help="Solutions to write.")] = 200,
    seed: Annotated[int, typer.Option(help="The seed that was trained with.")] = 0,
) -> None:
    """Write solutions of problems that were held out, right ones and ones with a mistake of each kind."""
    import dataclasses
    import json

    from genprm.commands.writing import check_output, write_output
    from genprm.data_sets.rows import InputError
    from genprm.data_sets.sources import data_directory
    from genprm.smol.parts import benchmark_cases, held_out_part
    from genprm.smol.recipe import Recipe

    if count < 1:
        raise InputError(f"--count is {count}, allowed: a whole number from 1")
    check_output(out)
    found = benchmark_cases(held_out_part(Recipe(seed=seed), data_directory(data), count))
    write_output(out, "".join(json.dumps(dataclasses.asdict(case)) + "\n" for case in found))
    print(f"{len(found)} solutions: {out}")
