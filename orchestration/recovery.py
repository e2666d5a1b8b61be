"""Closing what a killed process left open, in Dagster and in MLflow."""

from __future__ import annotations

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from genprm.settings import Profile
from orchestration.tracking import MlflowTracking
from orchestration.worker import SESSION_TAG

OPEN = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def close_runs(instance: dg.DagsterInstance, profile: Profile, session: str | None = None) -> int:
    """Mark open runs of one session of the runner (of all when None) as canceled; how many there were.

    To be called when no process of that session is alive: `run_lock` is held, or the workers have ended.
    """
    tags = {} if session is None else {SESSION_TAG: session}
    left = instance.get_runs(RunsFilter(statuses=OPEN, tags=tags))
    ours = [run for run in left if SESSION_TAG in run.tags]
    for run in ours:
        instance.report_run_canceled(run, message="The process that made this run has ended.")
    MlflowTracking(profile.tracking, profile.name).close_orphans(run.run_id for run in ours)
    return len(ours)
