"""Options of commands that judge: `--mode`, `--engine`, `--preset`, and single settings with `--set`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from genprm import modes

if TYPE_CHECKING:
    from genprm.prm import GenPRM
    from genprm.profiles import MachineSettings
    from genprm.reward_models.base import Asking
    from genprm.settings import VerifierSettings
    from genprm.verification.published import Preset

*_MOST, _LAST = modes.Mode
MODES = f"{', '.join(_MOST)} or {_LAST}"
MODEL = "model."
"""Prefix of a `--set` that changes how the model is asked."""
AS_TRAINED = "as the model was trained"
Mode = Annotated[str | None, typer.Option(help=f"{MODES}.", show_default=AS_TRAINED)]
Engine = Annotated[str, typer.Option(help="transformers, vllm, or the URL of a server.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="engine.key=value or sandbox.key=value, e.g. engine.replicas=2; repeatable."),
]
AllChanges = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="engine.key=value, sandbox.key=value or model.key=value (how the model is asked), e.g. "
        "model.sampling.max_tokens=4096; repeatable.",
    ),
]
SplitOption = Annotated[
    str,
    typer.Option(
        "--split",
        help="How a solution that is text is cut into steps: auto, headings, paragraphs, sentences, or a regular "
        "expression that matches what is between steps.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """Options about the machine, of commands that load a model."""

    engine: Engine = "transformers"
    changes: Changes = None

    def machine(self) -> MachineSettings:
        """The settings that the options ask for.

        Raises:
            InputError: no such engine.
            SettingsError: a section, key or value that is not allowed.
        """
        from genprm.prm import engine_settings
        from genprm.profiles import machine_settings

        return machine_settings(engine_settings(self.engine), self.machine_changes())

    def machine_changes(self) -> Sequence[str]:
        """The `--set` changes to the machine's settings."""
        return self.changes or ()


@dataclass(frozen=True, kw_only=True)
class JudgingOptions(MachineOptions):
    """Options of commands that judge solutions with one model."""

    changes: AllChanges = None
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
    preset: Annotated[
        str | None,
        typer.Option(help="as-card or as-evaluated: how a GenPRM of its authors is asked.", show_default="as-card"),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="JSON in place of tables.")] = False

    def machine_changes(self) -> Sequence[str]:
        """The `--set` changes that are not to how the model is asked.

        Raises:
            SettingsError: `--set` names a section other than engine, sandbox and model.
        """
        from genprm.settings import SettingsError

        for change in self.changes or ():
            if not change.strip().startswith(("engine.", "sandbox.", MODEL)):
                allowed = "engine.key=value, sandbox.key=value and model.key=value"
                raise SettingsError(f"override {change!r}: allowed here are {allowed}")
        ours = self.model_changes()
        return [change for change in self.changes or () if change not in ours]

    def model_changes(self) -> tuple[str, ...]:
        """The `--set` changes to how the model is asked."""
        return tuple(change for change in self.changes or () if change.strip().startswith(MODEL))

    def known_preset(self) -> Preset | None:
        """The preset that `--preset` names.

        Raises:
            InputError: there is no such preset.
        """
        from genprm.verification.published import check_preset

        return None if self.preset is None else check_preset(self.preset)

    def known_mode(self) -> modes.Mode | None:
        """The mode that `--mode` names.

        Raises:
            InputError: there is no such mode.
        """
        from genprm.prm import check_mode

        return None if self.mode is None else check_mode(self.mode)

    def asking(self, mode: modes.Mode | None, *, until: float | None = None, texts: bool = False) -> Asking:
        """How to ask a reward model that judges in `mode`.

        Raises:
            InputError: votes below 1, no such preset, or the file with the system message cannot be read.
        """
        from genprm.prm import check_votes
        from genprm.reward_models.base import Asking

        return Asking(
            check_votes(self.votes),
            mode,
            system=self.system(),
            preset=self.known_preset(),
            changes=self.model_changes(),
            until=until,
            texts=texts,
        )

    def verifier(self) -> VerifierSettings | None:
        """How the model is asked as a verifier, where the options change that; None otherwise.

        Raises:
            SettingsError: a change that is not allowed.
            InputError: no such preset, or no system message for a published checkpoint.
        """
        from genprm.verification.manifest import asked_otherwise

        return asked_otherwise(self.model_name(), self.system(), self.known_preset(), self.model_changes())

    def system(self) -> str | None:
        """The system message in the named file; None where no file is named.

        Raises:
            InputError: the file cannot be read.
        """
        from genprm.verification.published import read_system

        return None if self.system_file is None else read_system(self.system_file)

    def model_name(self) -> str:
        """The model that is named, else the newest one trained here, else the shipped one."""
        from genprm.commands.models import default_model

        return self.model or default_model()


def splitter_named(how: str) -> str:
    """Check the name or pattern of a splitter, and return it.

    Raises:
        InputError: there is no such splitter; the message says what is allowed.
    """
    from genprm.data_sets.rows import InputError
    from genprm.splitting.free_text import SplitError, check_splitter

    try:
        return check_splitter(how)
    except SplitError as error:
        raise InputError(str(error)) from None


def load_verifier(options: JudgingOptions, machine: MachineSettings, mode: modes.Mode | None) -> GenPRM:
    """Load the model that a command judges with, on `machine`; raises what `GenPRM.load` does."""
    from genprm.prm import GenPRM

    name, verifier = options.model_name(), options.verifier()
    return GenPRM.load(
        name, machine.engine, mode, verifier=verifier, sandbox=machine.sandbox, system=options.system()
    )
