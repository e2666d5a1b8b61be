"""Which file opens which reward model: each file registers an adapter under a name, with the weights it knows.

A new model is one file, in this package or in another one. Another package names its file in the group
`genprm.reward_models` of its entry points:

    [project.entry-points."genprm.reward_models"]
    mine = "my_package.my_model"

and the file registers itself when it is imported: `register(Adapter("mine", open_mine, {"me/my-prm-7b": 0.5}))`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import genprm.reward_models
from genprm.data_sets.rows import InputError, shown
from genprm.engines.base import Engine, EngineError
from genprm.manifest import read_manifest
from genprm.profiles import change_section
from genprm.registry import installed_entry_points
from genprm.reward_models.base import Asking, RewardModel
from genprm.sandbox.base import Sandbox
from genprm.settings import EngineSettings, Section
from genprm.verification.rewards import THRESHOLD

GROUP = "genprm.reward_models"
VERIFIER = "genprm"
"""Name of the adapter for every model that no other adapter knows."""


class Machine(Protocol):
    """What a reward model is opened on. The owner of the machine closes engines and sandbox."""

    @property
    def live_paths(self) -> int:
        """Verification paths that are judged at a time."""

    def engine(self, model: str) -> Engine:
        """The engine of a model."""

    def sandbox(self) -> Sandbox:
        """Where model-written code runs."""

    def here(self, model: str) -> EngineSettings:
        """Precision and context of a model whose network is loaded in this process, for forward passes.

        Raises:
            InputError: this machine's models are elsewhere.
        """


Opener: TypeAlias = Callable[[str, Machine, Asking], RewardModel]
"""Opens weights (a directory or hub id) on a machine. Raises EngineError for files that are missing or wrong, and
InputError for options that the model does not support."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one kind of checkpoint is opened.

    `published` maps hub ids to the threshold below which a step is wrong; None where the authors tune it on GSM8K.
    `recognises` says whether a directory holds such a checkpoint; one that was trained here may also name its
    adapter in `genprm.json`.
    """

    name: str
    open: Opener
    published: Mapping[str, float | None]
    recognises: Callable[[Path], bool] = lambda directory: False


class Found(NamedTuple):
    """The adapter of some weights, and the threshold below which a step is wrong; None: tuned on GSM8K."""

    adapter: Adapter
    threshold: float | None


_registered: dict[str, Adapter] = {}


def register(adapter: Adapter) -> Adapter:
    """Make an adapter known; called by the file of a reward model when it is imported.

    Raises:
        ValueError: another one has its name.
    """
    known = _registered.setdefault(adapter.name, adapter)
    if known is not adapter:
        raise ValueError(f"two reward models register as {adapter.name!r}")
    return adapter


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(genprm.reward_models.__path__, f"{genprm.reward_models.__name__}."):
        if not module.ispkg:
            importlib.import_module(module.name)
    for entry in installed_entry_points(GROUP).values():
        entry.load()


def adapters() -> Mapping[str, Adapter]:
    """Every adapter by its name."""
    _import_all()
    return dict(_registered)


def adapter_named(name: str) -> Adapter:
    """The adapter that registered as `name`.

    Raises:
        EngineError: there is none; the message names all there are.
    """
    known = adapters()
    if name not in known:
        raise EngineError(f"adapter is {name!r}, allowed: {', '.join(sorted(known))}")
    return known[name]


def find_adapter(model: str) -> Found:
    """The adapter of `model`: a hub id, a directory called like the last part of one, or a checkpoint trained here.

    Everything that no adapter knows is asked as GenPRM is.

    Raises:
        EngineError: a directory whose `genprm.json` or `config.json` cannot be read, or names an unknown adapter.
    """
    directory = Path(model)
    local = directory.is_dir()
    called = directory.resolve().name if local else None
    for adapter in adapters().values():
        for published, threshold in adapter.published.items():
            if model == published or called == published.rpartition("/")[2]:
                return Found(adapter, threshold)
    own = None
    if local:
        recognised = (adapter for adapter in adapters().values() if adapter.recognises(directory))
        own = _adapter_in_manifest(directory) or next(recognised, None)
    return Found(own or adapter_named(VERIFIER), THRESHOLD)


def _adapter_in_manifest(directory: Path) -> Adapter | None:
    try:
        manifest = read_manifest(directory)
        if manifest is None or manifest.adapter is None:
            return None
        return adapter_named(manifest.adapter)
    except (ValueError, EngineError) as error:
        raise EngineError(f"model {str(directory)!r}: {error}") from None


def refuse_mode(model: str, asking: Asking) -> None:
    """Refuse a mode or a preset, for models with only one way of judging.

    Raises:
        InputError: a mode is asked for, or a preset.
    """
    if asking.preset is not None:
        raise InputError(
            f"preset is {shown(asking.preset.value)}, allowed for model {model!r}: none (not a GenPRM)"
        )
    if asking.mode is not None:
        raise InputError(
            f"mode is {shown(asking.mode.value)}, allowed for model {model!r}: none (it has a way of its own)"
        )


def refuse_votes(model: str, asking: Asking) -> None:
    """Refuse several votes or a mode, for models that do not sample.

    Raises:
        InputError: several votes are asked for, or a mode.
    """
    refuse_mode(model, asking)
    if asking.votes > 1:
        raise InputError(f"votes is {asking.votes}, allowed for model {model!r}: 1 (it gives one answer)")


_S = TypeVar("_S", bound=Section)


def asked_with(asking: Asking, settings: _S) -> _S:
    """The settings of a model with the changes that are asked for.

    Raises:
        SettingsError: a key or value that is not allowed.
    """
    return change_section(settings, asking.changes, "model")


def from_forward_passes(load: Callable[[str, EngineSettings], RewardModel]) -> Opener:
    """The opener of a model whose rewards are read from forward passes in this process."""

    def open_here(model: str, machine: Machine, asking: Asking) -> RewardModel:
        refuse_votes(model, asking)
        if asking.changes:
            raise InputError(
                f"override {asking.changes[0]!r}, allowed for model {model!r}: none (it has no settings)"
            )
        return load(model, machine.here(model))

    return open_here
