"""The resources of the assets, with settings that the web pages show and that can be changed there for one launch.

Each hands the assets an object of a class that knows nothing of Dagster's configuration. Objects that are expensive
to open (an engine, a client of the tracking server) are kept for the next run of the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.progress import LOG_LINES, StepProgress
from genprm.settings import EngineSettings, Profile, SandboxSettings, TrackingSettings, home
from genprm.store import TableStore
from orchestration.machines import LocalMachines, machines_of_this_process
from orchestration.tracking import MlflowTracking


class StoreResource(dg.ConfigurableResource[TableStore]):
    """The tables of a profile on disk."""

    home: str = Field(description="The project's home directory (GENPRM_HOME).")
    profile: str = Field(description="Name of the profile: its tables lie in a directory of that name.")

    def create_resource(self, context: dg.InitResourceContext) -> TableStore:
        return TableStore(Path(self.home) / self.profile)


class MachinesResource(dg.ConfigurableResource[LocalMachines]):
    """The engine that generates text and the sandbox that runs code. No setting of theirs makes anything stale."""

    engine: dict[str, Any] = Field(
        description="The profile's section `engine`: backend, replicas, live paths, memory."
    )
    sandbox: dict[str, Any] = Field(description="The profile's section `sandbox`: level of isolation, limits.")

    def create_resource(self, context: dg.InitResourceContext) -> LocalMachines:
        """The machines of this process, opened when first asked for.

        Raises:
            ValidationError: a setting is unknown or out of range.
        """
        engine = EngineSettings.model_validate(self.engine)
        return machines_of_this_process(engine, SandboxSettings.model_validate(self.sandbox))


class TrackingResource(dg.ConfigurableResource[MlflowTracking]):
    """Where runs are recorded in MLflow."""

    uri: str | None = Field(default=None, description="Tracking server; the database of the home when empty.")
    experiment: str = Field(description="Name of the experiment.")
    registry: bool = Field(default=True, description="Register trained models when they were measured.")
    traces: int = Field(default=10, ge=0, description="Cases per model and subset that are logged as traces.")
    profile: str = Field(description="Name of the profile, a tag of each run.")

    def create_resource(self, context: dg.InitResourceContext) -> MlflowTracking:
        settings = TrackingSettings(
            uri=self.uri, experiment=self.experiment, registry=self.registry, traces=self.traces
        )
        return _tracking(home(), settings, self.profile)


class ProgressResource(dg.ConfigurableResource[StepProgress]):
    """How often a long step logs how far it has come."""

    lines: int = Field(default=LOG_LINES, ge=1, description="Lines in the log from start to end.")

    def create_resource(self, context: dg.InitResourceContext) -> StepProgress:
        return StepProgress(self.lines)


@lru_cache(maxsize=1)
def _tracking(folder: Path, settings: TrackingSettings, profile: str) -> MlflowTracking:
    """One client for all runs of this process that record in the same place under the home `folder`."""
    return MlflowTracking(settings, profile)


def profile_resources(profile: Profile) -> Mapping[str, dg.ConfigurableResource[Any]]:
    """The resources of a profile on this machine. Nothing is opened before it is used."""
    return {
        "store": StoreResource(home=str(home()), profile=profile.name),
        "machines": MachinesResource(
            # Dagster accepts no null in a map. The values left out are None by default.
            engine=profile.engine.model_dump(mode="json", exclude_none=True),
            sandbox=profile.sandbox.model_dump(mode="json", exclude_none=True),
        ),
        "tracking": TrackingResource(**profile.tracking.model_dump(), profile=profile.name),
        "progress": ProgressResource(),
    }
