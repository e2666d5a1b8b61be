"""Closing what a killed process left open, in Dagster and in MLflow.

Runs of the runner are closed when no runner holds the home. Runs that were launched in the web pages are processes
of their own: Dagster notices when one dies, but not when all died with the machine. Those stay open and hold their
places in the pool forever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import dagster as dg
import psutil
from dagster import DagsterEventType, DagsterRun, DagsterRunStatus, RunsFilter

from genprm.settings import Profile
from orchestration.hosts import is_here
from orchestration.staleness import Node
from orchestration.tracking import MlflowTracking
from orchestration.worker import ARTIFACT_TAG, SESSION_TAG

OPEN = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
PARTITION_TAG = "dagster/partition"
EARLIER_SESSION_TAG = "genprm/session"
"""What runs of earlier releases have in place of a `SESSION_TAG`."""
_PROCESS = re.compile(r"Started process for run \(pid: (\d+)\)")
_CLOCK_SECONDS = 1.0
"""How far the clock of a run's log and that of the process table may be apart."""


def close_runs(
    instance: dg.DagsterInstance, profile: Profile, session: str | None = None, node: Node | None = None
) -> list[DagsterRun]:
    """Close as canceled the open runs of one session of the runner (of all when None); with `node`, only the runs
    for that partition.

    Call it only when no process of that session, or none that makes the partition, is alive: `run_lock` is held,
    or the workers have ended.
    """
    tags = {} if session is None else {SESSION_TAG: session}
    left = instance.get_runs(RunsFilter(statuses=OPEN, tags=tags))
    ours = [run for run in left if _is_of_runner(run)]
    if node is not None:
        made = (node.asset, node.partition)
        ours = [run for run in ours if (run.tags.get(ARTIFACT_TAG), run.tags.get(PARTITION_TAG)) == made]
    return _close(instance, profile, ours)


def close_dead_runs(instance: dg.DagsterInstance, profile: Profile) -> list[DagsterRun]:
    """Close the runs that the web pages or the daemon launched on this machine and whose process is gone.

    A run that waits in the queue, or has no process yet, is not touched: the daemon starts it. Nor is a run on
    another machine, whose processes cannot be seen from here. With a launcher other than Dagster's default one
    (Docker, Kubernetes) nothing is closed: that launcher watches its runs itself.
    """
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return []
    left = instance.get_runs(RunsFilter(statuses=OPEN))
    ours = [run for run in left if not _is_of_runner(run) and is_here(run)]
    return _close(instance, profile, [run for run in ours if _is_dead(instance, run)])


def close_tracked(instance: dg.DagsterInstance, profile: Profile) -> int:
    """End the tracked runs that are open although their Dagster run has ended; return how many.

    A run whose Dagster run is unknown counts as ended, unless `tracking.uri` names a place that other homes share.
    """
    tracking = MlflowTracking(profile.tracking, profile.name)
    found = {name: instance.get_run_by_id(name) for name in tracking.open_for()}
    unknown_ended = profile.tracking.uri is None
    return tracking.close_orphans(
        name for name, run in found.items() if (unknown_ended if run is None else run.is_finished)
    )


def made_by(run: DagsterRun) -> str:
    """The artifacts that a run was to make, or its job where it was not about artifacts."""
    if ARTIFACT_TAG in run.tags:
        return run.tags[ARTIFACT_TAG]
    return ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ())) or run.job_name


def _is_of_runner(run: DagsterRun) -> bool:
    return not run.tags.keys().isdisjoint((SESSION_TAG, EARLIER_SESSION_TAG))


def _is_dead(instance: dg.DagsterInstance, run: DagsterRun) -> bool:
    """Whether the process that Dagster last started for the run is gone, or its id belongs to another process."""
    started = None
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
        found = _PROCESS.search(entry.get_dagster_event().message or "")
        if found:
            started = entry.timestamp, int(found[1])
    if started is None:
        return False
    at, pid = started
    try:
        return psutil.Process(pid).create_time() > at + _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return True


def _close(instance: dg.DagsterInstance, profile: Profile, runs: Sequence[DagsterRun]) -> list[DagsterRun]:
    for run in runs:
        instance.report_run_canceled(run, message="The process that made this run has ended.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    MlflowTracking(profile.tracking, profile.name).close_orphans(run.run_id for run in runs)
    return list(runs)
