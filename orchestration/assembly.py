"""The parts put together for a profile: assets, checks, jobs, sensors, resources."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets import parameters
from assets.artifact import wanted_artifacts
from assets.evaluation_set import define_held_out
from assets.partitions import Pipeline
from genprm.settings import Profile
from orchestration.automation import automation_sensor, with_automation
from orchestration.checks import checks_job, in_sync_check
from orchestration.jobs import stage_jobs
from orchestration.resources import profile_resources
from orchestration.runner import DEFINITIONS
from orchestration.sensors import parameters_sensor


def build_definitions(
    profile: Profile, resources: Mapping[str, object] | None = None, definitions: str = DEFINITIONS
) -> dg.Definitions:
    """Everything that Dagster shows of a profile.

    `resources` stand in for those of this machine. `definitions` names the function (`module:function`) by which
    worker processes make the same definitions from the profile.

    Raises:
        SettingsError: the profile asks for more than can be tracked.
    """
    pipeline = Pipeline(profile)
    wanted = wanted_artifacts(pipeline)
    made = [with_automation(one, pipeline) for one in wanted]
    artifacts = dg.Definitions(
        assets=[*parameters.define(pipeline), *made],
        resources={**profile_resources(profile), **(resources or {})},
    )
    graph = artifacts.resolve_asset_graph  # not called before a check or a job runs
    partitioned = frozenset(asset.key for asset in made if asset.partitions_def is not None)
    checks = [
        define_held_out(),
        *(in_sync_check(asset, graph) for asset in made if _needs_check(asset, partitioned)),
    ]
    look = checks_job(checks)
    around = dg.Definitions(
        asset_checks=checks,
        jobs=[*stage_jobs(profile, made, graph, definitions), look],
        sensors=[parameters_sensor(look), automation_sensor(wanted)],
    )
    return dg.Definitions.merge(artifacts, around)


def _needs_check(asset: dg.AssetsDefinition, partitioned: frozenset[dg.AssetKey]) -> bool:
    """Whether Dagster's graph fails to show that it is out of date: it has partitions, or an input has."""
    return asset.partitions_def is not None or not partitioned.isdisjoint(asset.dependency_keys)
