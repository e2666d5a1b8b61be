"""What a command that judges is told: `--mode`, `--engine`, single settings of engine and sandbox with `--set`."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """What a command that loads a model is told of the machine."""

    engine: Engine = "transformers"
    changes: Changes = None

    def machine(self) -> MachineSettings:
        """The settings that the options ask for; raises what `read_machine` does."""
        return read_machine(self.engine, self.changes)


@dataclass(frozen=True, kw_only=True)
class JudgingOptions(MachineOptions):
    """What a command that judges solutions with one model is told."""

    model: Annotated[
        str | None,
        typer.Option(
            help="Directory, hub id or miniature/NAME.", show_default="the newest trained here, else shipped"
        ),
    ] = None
    votes: Annotated[int, typer.Option(help="Verification paths per solution; rewards are their mean.")] = 1
    mode: Mode = None
    system_file: Annotated[
        str | None, typer.Option(help="File with the system message.", show_default="the model's own")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="JSON in place of tables.")] = False

    def system(self) -> str | None:
        """The system message of the file, where one is named.

        Raises:
            InputError: the file cannot be read.
        """
        from genprm.verification.published import read_system

        return None if self.system_file is None else read_system(self.system_file)

    def model_name(self) -> str:
        """The model that is named, else the newest one trained here, else the shipped one."""
        from genprm.commands.models import default_model

        return self.model or default_model()


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

    return GenPRM.load(model, machine.engine, mode, sandbox=machine.sandbox, system=system)
