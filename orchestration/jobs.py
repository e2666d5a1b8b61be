"""The jobs: one for each stage, and one for everything.

All partitioned assets of a Dagster job must have the same partitions, and those of a stage differ. So a stage is
made by the runner in one step, and each partition is a run of its own, as with `genprm run`.
"""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
from pydantic import Field

from assets.artifact import Stage
from genprm.hardware.cluster import ClusterError
from genprm.settings import Profile
from orchestration.dagster_private import AssetGraph
from orchestration.display import LogDisplay
from orchestration.executors import IN_PROCESS
from orchestration.lock import AnotherRun, run_lock
from orchestration.materialize import Choice, MissingInput, materialize

JOBS: Mapping[str, Sequence[Stage]] = {
    "make_data": (Stage.SOLUTIONS, Stage.LABELS, Stage.RATIONALES),
    "make_models": (Stage.TRAINING,),
    "evaluate": (Stage.EVALUATION,),
    "scale": (Stage.SCALING,),
    "make_everything": tuple(Stage),
}
"""The stages that each job makes."""


class StageConfig(dg.Config):
    """What a launch may change."""

    only_again: bool = Field(
        default=False,
        description="As genprm refresh: make only what was made before and is stale.",
    )


def stage_jobs(
    profile: Profile, assets: Sequence[dg.AssetsDefinition], graph: Callable[[], AssetGraph], definitions: str
) -> list[dg.JobDefinition]:
    """The jobs whose stages a profile has. `definitions` is as for a `Runner`."""
    found = []
    for name, groups in JOBS.items():
        artifacts = [a.key.to_user_string() for a in assets if a.group_names_by_key[a.key] in groups]
        if artifacts:
            found.append(_runner_job(name, profile, artifacts, graph, definitions))
    return found


def make_in_step(
    profile: Profile,
    graph: AssetGraph,
    context: dg.OpExecutionContext,
    choice: Choice,
    definitions: str,
    display: LogDisplay,
) -> None:
    """Make what was chosen in this step, each partition as a run of its own.

    Raises:
        Failure: something could not be made, an input is missing, another run is in progress, or the profile's
            cluster cannot be joined.
    """
    try:
        with run_lock():
            _, summary = materialize(profile, graph, context.instance, choice, display, definitions)
    except (AnotherRun, MissingInput, ClusterError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    context.log.info(summary.line)
    if summary.failed:
        raise dg.Failure(summary.line, allow_retries=False)


def _runner_job(
    name: str, profile: Profile, artifacts: Sequence[str], graph: Callable[[], AssetGraph], definitions: str
) -> dg.JobDefinition:
    @dg.op(name=f"{name}_partitions")
    def make(context: dg.OpExecutionContext, config: StageConfig) -> None:
        """Hand what is missing or stale to worker processes; each partition is a run of its own."""
        choice = Choice(artifacts, config.only_again)
        make_in_step(profile, graph(), context, choice, definitions, LogDisplay(context.log))

    @dg.job(
        name=name,
        executor_def=IN_PROCESS,
        description=f"Make what is missing or stale of {', '.join(f'`{artifact}`' for artifact in artifacts)}; "
        "each partition is a run of its own.",
    )
    def job() -> None:
        make()

    return job
