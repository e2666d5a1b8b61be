"""The parts put together for a profile: assets, checks, jobs, sensor, resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets import (
    best_of_n,
    candidates,
    checkpoints,
    evaluation_set,
    filtered_set,
    judged_otherwise,
    label_quality,
    leaderboard,
    mc_scores,
    parameters,
    problems,
    processbench,
    rationales,
    refinement,
    report,
    rpe_labels,
    solutions,
    training_set,
)
from assets.partitions import Pipeline
from genprm.settings import Profile
from genprm.store import profile_store
from orchestration.checks import in_sync_check
from orchestration.jobs import asset_job, checks_job
from orchestration.machines import LocalMachines
from orchestration.progress import StepProgress
from orchestration.sensors import parameters_sensor
from orchestration.tracking import MlflowTracking

MAKERS: tuple[Callable[[Pipeline], dg.AssetsDefinition], ...] = (
    problems.define,
    solutions.define,
    mc_scores.define,
    rpe_labels.define,
    rationales.define,
    filtered_set.define,
    label_quality.define,
    training_set.define,
    checkpoints.define,
    evaluation_set.define,
    processbench.define,
    leaderboard.define,
    report.define,
)
"""The artifacts in the order in which they are made."""

SCALING: tuple[Callable[[Pipeline], dg.AssetsDefinition], ...] = (candidates.define, best_of_n.define)
"""Those of test-time scaling, for profiles that name answer sets."""


def pipeline_assets(pipeline: Pipeline) -> list[dg.AssetsDefinition]:
    """One asset per artifact."""
    scaling = SCALING if pipeline.profile.scaling.sets else ()
    otherwise = (judged_otherwise.define,) if pipeline.lineup.otherwise else ()
    refined = (refinement.define,) if pipeline.profile.refinement.sets else ()
    return [make(pipeline) for make in (*MAKERS, *otherwise, *scaling, *refined)]


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
    made = pipeline_assets(pipeline)
    partitioned = [asset for asset in made if asset.partitions_def is not None]
    built: list[dg.Definitions] = []

    def graph() -> AssetGraph:
        return built[0].resolve_asset_graph()

    checks = [evaluation_set.define_held_out(), *(in_sync_check(asset, graph) for asset in partitioned)]
    definitions = dg.Definitions(
        assets=[*parameters.define(pipeline), *made],
        asset_checks=checks,
        jobs=[*(asset_job(asset) for asset in made), checks_job(checks)],
        sensors=[parameters_sensor()],
        resources=resources(profile),
    )
    built.append(definitions)
    return definitions
