"""The parts put together for a profile: assets, checks, jobs, sensor, resources."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets import parameters
from assets.artifact import wanted_artifacts
from assets.evaluation_set import define_held_out
from assets.partitions import Pipeline
from genprm.settings import Profile
from genprm.store import profile_store
from orchestration.checks import in_sync_check
from orchestration.jobs import asset_job, checks_job
from orchestration.machines import LocalMachines
from orchestration.progress import StepProgress
from orchestration.sensors import parameters_sensor
from orchestration.tracking import MlflowTracking


def resources(profile: Profile) -> Mapping[str, object]:
    """The surroundings of the assets on this machine. Nothing is opened before it is used."""
    return {
        "store": profile_store(profile.name),
        "machines": LocalMachines(profile.engine, profile.sandbox),
        "tracking": MlflowTracking(profile.tracking, profile.name),
        "progress": StepProgress(),
    }


def build_definitions(profile: Profile) -> dg.Definitions:
    """Everything that Dagster shows of a profile.

    Raises:
        SettingsError: the profile asks for more than can be tracked.
    """
    pipeline = Pipeline(profile)
    made = [one.define(pipeline) for one in wanted_artifacts(pipeline)]
    partitioned = [asset for asset in made if asset.partitions_def is not None]
    built: list[dg.Definitions] = []

    def graph() -> AssetGraph:
        return built[0].resolve_asset_graph()

    checks = [define_held_out(), *(in_sync_check(asset, graph) for asset in partitioned)]
    definitions = dg.Definitions(
        assets=[*parameters.define(pipeline), *made],
        asset_checks=checks,
        jobs=[*(asset_job(asset) for asset in made), checks_job(checks)],
        sensors=[parameters_sensor()],
        resources=resources(profile),
    )
    built.append(definitions)
    return definitions
