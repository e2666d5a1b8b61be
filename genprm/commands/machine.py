"""What a command that judges is told: `--mode`, `--engine`, single settings of engine and sandbox with `--set`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from genprm import modes

if TYPE_CHECKING:
    from genprm.prm import GenPRM
    from genprm.profiles import MachineSettings

*_MOST, _LAST = modes.Mode
MODES = f"{', '.join(_MOST)} or {_LAST}"
AS_TRAINED = "as the model was trained"
Mode = Annotated[str | None, typer.Option(help=f"{MODES}.", show_default=AS_TRAINED)]
Engine = Annotated[str, typer.Option(help="transformers, vllm, or the URL of a server.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="engine.key=value or sandbox.key=value, e.g. engine.replicas=2; repeatable."),
]


def read_machine(engine: str, changes: list[str] | None) -> MachineSettings:
    """The settings that `--engine` and `--set` ask for.

    Raises:
        InputError: no such engine.
        SettingsError: a section, key or value that is not allowed.
    """
    from genprm.prm import engine_settings
    from genprm.profiles import machine_settings

    return machine_settings(engine_settings(engine), changes or ())


def load_verifier(model: str, machine: MachineSettings, mode: modes.Mode | None, system: str | None) -> GenPRM:
    """The model that a command judges with, on what `read_machine` read; raises what `GenPRM.load` does."""
    from genprm.prm import GenPRM

    # `--set` may have changed the backend that `--engine` named.
    engine = machine.engine.url or machine.engine.backend
    return GenPRM.load(model, engine, mode, settings=machine.engine, sandbox=machine.sandbox, system=system)
