"""Puts the parts together for a profile: assets, checks, jobs, sensors, resources."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets import parameters
from assets.artifact import wanted_artifacts
from assets.evaluation_set import check_subsets, define_held_out
from assets.partitions import Pipeline
from genprm.settings import Profile
from orchestration.alerts import failure_sensor
from orchestration.automation import automation_sensor, with_automation
from orchestration.checks import checks_job, in_sync_checks
from orchestration.dagster_private import AssetGraph
from orchestration.executors import define_placed, executor_of
from orchestration.jobs import stage_jobs
from orchestration.refresh import refresh_asset, refresh_job
from orchestration.resources import profile_resources
from orchestration.runner import DEFINITIONS
from orchestration.sensors import parameters_sensor


def build_definitions(
    profile: Profile, resources: Mapping[str, object] | None = None, definitions: str = DEFINITIONS
) -> dg.Definitions:
    """Return everything that Dagster shows of a profile.

    `resources` replace those of this machine. `definitions` names the function (`module:function`) with which
    worker processes build the same definitions from the profile.

    Raises:
        SettingsError: the profile has too many partitions to track, or asks for subsets that its benchmark lacks.
    """
    check_subsets(profile.evaluation)
    pipeline = Pipeline(profile)
    wanted = wanted_artifacts(pipeline)
    made = [with_automation(one, define_placed(one, pipeline)) for one in wanted]
    sections = parameters.define(pipeline)

    def graph() -> AssetGraph:
        return artifacts.resolve_asset_graph()  # called only once a check, a job or a sensor runs

    refresh = refresh_asset(profile, [section.key for section in sections], graph, definitions)
    artifacts = dg.Definitions(
        assets=[*sections, *made, refresh],
        resources={**profile_resources(profile), **(resources or {})},
    )
    partitioned = frozenset(asset.key for asset in made if asset.partitions_def is not None)
    checked = [asset for asset in made if _needs_check(asset, partitioned)]
    checks = [define_held_out(), in_sync_checks(checked, graph)]
    around = dg.Definitions(
        asset_checks=checks,
        jobs=[refresh_job(), *stage_jobs(profile, made, graph, definitions), checks_job(checks)],
        sensors=[
            parameters_sensor([asset.key for asset in checked], graph),
            automation_sensor(wanted),
            failure_sensor(),
        ],
        executor=executor_of(profile),
    )
    return dg.Definitions.merge(artifacts, around)


def _needs_check(asset: dg.AssetsDefinition, partitioned: frozenset[dg.AssetKey]) -> bool:
    """Whether Dagster's graph cannot show the asset as out of date, because it or an input has partitions."""
    return asset.partitions_def is not None or not partitioned.isdisjoint(asset.dependency_keys)
