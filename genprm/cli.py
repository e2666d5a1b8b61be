"""The command line `genprm`: commands of the library, and those that other packages add.

Commands of `genprm.commands` import what they need when they run, and the commands of other packages (entry points
of the group `genprm.commands`) are loaded when they are called, so that `genprm --help` is quick. Only this module
turns wrong input into exit status 2 and one line on standard error; a bug keeps its traceback.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from genprm.commands import (
    answers,
    bench,
    calibrate,
    doctor,
    evaluate,
    formats,
    join,
    judge,
    label,
    miniature,
    plan,
    sandbox,
    score,
    serve,
    smol,
    solve,
    view,
)
from genprm.extras import extra_with, how_to_install
from genprm.quick_start import collect_seldom
from genprm.registry import installed_entry_points

GROUP = "genprm.commands"
"""Entry-point group of commands that other packages add: a `typer.Typer` or a function for `app.command`. The name
`bench.x` adds x to the commands of `genprm bench`."""
BENCH = "bench."

PIPELINE = ("run", "status", "refresh", "recover")
"""Commands of the orchestration that are offered, and explained when called, even where it is not installed."""

HELP = {
    "run": "Materialize what is missing or stale, then show the result table.",
    "status": "Show which partitions are fresh, stale or missing, and why.",
    "refresh": "Materialize what is stale, and nothing that was never made.",
    "recover": "Close the runs that a killed process left open.",
    "ui": "Start the web pages of Dagster and MLflow.",
    "bench.orchestration": "Time per partition that orchestration adds, and what a process for each run would add.",
}
"""What commands of other packages do, for `--help` without loading them."""

WRONG_INPUT = 2


class MissingExtraError(ImportError):
    """A command needs a package that is not installed and that belongs to an extra of this project."""


def wrong_input(error: BaseException) -> str | None:
    """The one line that explains an error of the caller or of the surroundings; None for a bug."""
    from genprm.carried import CarryError
    from genprm.data_sets.rows import InputError
    from genprm.engines.base import EngineError
    from genprm.full_disk import full_disk
    from genprm.hardware.cluster import ClusterError
    from genprm.journal import JournalError
    from genprm.sandbox.base import SandboxError
    from genprm.settings import SettingsError

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    explained = (
        MissingExtraError,
        SettingsError,
        InputError,
        EngineError,
        SandboxError,
        JournalError,
        ClusterError,
        CarryError,
    )
    if isinstance(error, explained):
        return " ".join(str(error).split())
    if (line := full_disk(error)) is not None:
        return line
    # Errors of the option parser, whose classes move between releases; they all can format themselves.
    explain = getattr(error, "format_message", None)
    return None if explain is None else " ".join(str(explain()).split())


class Commands(TyperGroup):
    """A group whose errors are one line each."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The pipeline's commands first."""
        names = super().list_commands(ctx)
        return [*(name for name in HELP if name in names), *(name for name in names if name not in HELP)]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and turn wrong input into exit status 2."""
        if not sys.stderr.isatty():
            # Libraries draw their bars with tqdm, which reads this when it is imported.
            os.environ.setdefault("TQDM_DISABLE", "1")
        try:
            status = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except Exception as error:  # anything that is not wrong input is raised again
            line = wrong_input(error)
            if line is None:
                raise
            if line:  # empty where the help was printed instead
                print(f"genprm: {line}", file=sys.stderr)
            status = WRONG_INPUT
        code = status if isinstance(status, int) else 0
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: Any) -> Any:
        """Run a command. If a package of an extra is missing, name the extra."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            extra = extra_with(error.name or "")
            if extra is None:
                raise
            raise MissingExtraError(
                f'{ctx.invoked_subcommand} needs the extra "{extra}": {how_to_install(extra)}'
            ) from error


app = typer.Typer(
    name="genprm",
    context_settings={"help_option_names": ["--help", "-h"]},
    cls=Commands,
    help="GenPRM: a reward model that reasons, runs code and judges every step; its data, training, measures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(importlib.metadata.version("genprm"))
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


app.command("judge")(judge.judge)
app.command("serve")(serve.serve)
app.add_typer(evaluate.app, name="evaluate")
app.command("view")(view.view)
app.command("import")(formats.import_set)
app.command("export")(formats.export_set)
app.command("score")(score.score)
app.command("calibrate")(calibrate.calibrate)
app.command("label")(label.label)
app.command("answers", context_settings={"ignore_unknown_options": True})(answers.answers)  # -5 is an answer
app.command("solve")(solve.solve)
app.command("plan")(plan.plan)
app.command("join")(join.join)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(miniature.app, name="miniature")
app.add_typer(smol.app, name="smol")
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)


def load_command(name: str) -> Any:
    """The command that another package adds, with its own options.

    Raises:
        SettingsError: no package provides it.
    """
    from genprm.settings import SettingsError

    point = installed_entry_points(GROUP).get(name)
    if point is None:
        raise SettingsError(
            f"command {name!r} is not installed: no package provides it (entry-point group {GROUP!r})"
        )
    command = point.load()
    if isinstance(command, typer.Typer):
        return typer.main.get_command(command)
    single = typer.Typer(add_completion=False, context_settings=app.info.context_settings)
    single.command(name)(command)
    return typer.main.get_command(single)


def _forwarding(name: str) -> Callable[[typer.Context], None]:
    def forward(context: typer.Context) -> None:
        program = f"genprm {name.replace('.', ' ')}"
        code = load_command(name).main(args=context.args, prog_name=program, standalone_mode=False)
        if isinstance(code, int) and code:
            raise typer.Exit(code)

    return forward


def _mount() -> None:
    everything = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    for name in dict.fromkeys([*PIPELINE, *installed_entry_points(GROUP)]):
        own = name.removeprefix(BENCH)
        group = app if own == name else bench.app
        group.command(own, help=HELP.get(name, ""), context_settings=everything)(_forwarding(name))


_mount()


def main() -> None:
    """The `genprm` program."""
    collect_seldom()
    app()


if __name__ == "__main__":
    main()
