"""`genprm smol`: the small real models, a rationale model and a policy."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genprm.smol.train import SmolJob
    from genprm.training import TrainingReport

app = typer.Typer(help="The small real models.", no_args_is_help=True)

Base = Annotated[
    str | None,
    typer.Option(help="The model to start from.", show_default="HuggingFaceTB/SmolLM2-135M-Instruct"),
]
Data = Annotated[
    str | None,
    typer.Option(help="Directory with the data sets, or hub.", show_default="GENPRM_DATA_DIR, else the hub"),
]
Conversations = Annotated[int | None, typer.Option(help="Conversations to train on.", show_default="the recipe's")]


@app.command()
def train(
    out: Annotated[
        Path | None, typer.Option(help="Where the checkpoint goes.", show_default="smol-rationale in GENPRM_HOME")
    ] = None,
    base: Base = None,
    data: Data = None,
    conversations: Conversations = None,
    seed: Annotated[int, typer.Option(help="Decides problems, mistakes and order.")] = 0,
) -> None:
    """Teach SmolLM2 to check steps in English; an interrupted run of the same command continues."""
    from genprm.settings import home
    from genprm.smol.recipe import Recipe
    from genprm.smol.train import train_rationale_model

    count = Recipe().conversations if conversations is None else conversations
    job = _job(out or home() / "smol-rationale", base, data, count, seed)
    _train(train_rationale_model, job)
    print(f"Go on with: {next_command(job.out_dir, ['rationales.model'])}")


@app.command()
def policy(
    out: Annotated[
        Path | None, typer.Option(help="Where the checkpoint goes.", show_default="smol-policy in GENPRM_HOME")
    ] = None,
    base: Base = None,
    data: Data = None,
    conversations: Conversations = None,
    seed: Annotated[int, typer.Option(help="Decides solutions and order.")] = 0,
) -> None:
    """Teach SmolLM2 to solve problems in numbered steps; an interrupted run of the same command continues."""
    from genprm.settings import home
    from genprm.smol.recipe import POLICY_CONVERSATIONS
    from genprm.smol.train import train_policy

    count = POLICY_CONVERSATIONS if conversations is None else conversations
    job = _job(out or home() / "smol-policy", base, data, count, seed)
    _train(train_policy, job)
    print(f"Go on with: {next_command(job.out_dir, ['solutions.model', 'monte_carlo.model'])}")


def _job(out: Path, base: str | None, data: str | None, conversations: int, seed: int) -> SmolJob:
    from genprm.data_sets.rows import InputError
    from genprm.data_sets.sources import data_directory
    from genprm.smol.recipe import BASE, Recipe
    from genprm.smol.train import SmolJob

    if conversations < 1:
        raise InputError(f"--conversations is {conversations}, allowed: a whole number from 1")
    folder = out.resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out is {str(folder)!r}, which is a file, allowed: a directory")
    return SmolJob(folder, base or BASE, data_directory(data), Recipe(seed=seed, conversations=conversations))


def _train(training: Callable[[SmolJob], TrainingReport], job: SmolJob) -> None:
    from genprm.training import TrainingError

    try:
        report = training(job)
    except TrainingError as error:
        print(f"genprm: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{report.steps} updates on {report.examples} conversations, {report.tokens} tokens: {job.out_dir}")


def next_command(folder: Path, settings: Sequence[str]) -> str:
    """The command that runs the profile `smol` with the model in `folder`. It sets the folder only where the
    profile names another one."""
    from genprm.profiles import load_profile

    profile = load_profile("smol")
    other = [one for one in settings if Path(operator.attrgetter(one)(profile)).resolve() != folder]
    return " ".join(["genprm run --profile smol", *(f"--set {setting}={folder}" for setting in other)])


@app.command()
def cases(
    out: Annotated[Path, typer.Option(help="File to write, JSON lines for `genprm evaluate file`.")],
    data: Data = None,
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
