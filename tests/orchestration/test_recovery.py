"""Runs whose process is gone are closed, and no others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import fake_method
import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.events import EngineEventData

from orchestration import postgres
from orchestration.commands import recover
from orchestration.executors import IN_PROCESS
from orchestration.home import prepare
from orchestration.hosts import HOST_TAG
from orchestration.lock import run_lock
from orchestration.recovery import close_dead_runs, close_runs, close_tracked
from orchestration.tracking import DAGSTER_RUN, MlflowTracking
from orchestration.worker import SESSION_TAG

PROFILE = fake_method.fake_profile()


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The persistent instance of this test's home."""
    prepare()
    with dg.DagsterInstance.get() as instance:
        yield instance


def opened(
    instance: dg.DagsterInstance, status: DagsterRunStatus, pid: int | None = None, **tags: str
) -> DagsterRun:
    """A run as a launcher leaves it, with the note of the process that it was started in."""
    run = instance.create_run_for_job(make_problems, status=status, tags=tags)
    if pid is not None:
        note = f"Started process for run (pid: {pid})."
        instance.report_engine_event(note, run, EngineEventData.in_process(pid))
    return run


@dg.job
def make_problems() -> None:
    """Nothing."""


@dg.op
def nothing() -> None: ...


@dg.job(executor_def=IN_PROCESS)
def make_nothing() -> None:
    """Nothing, as jobs of the web pages do it."""
    nothing()


def ended_process() -> int:
    """The number of a process that is gone."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def statuses(instance: dg.DagsterInstance, *runs: DagsterRun) -> list[str]:
    found = [instance.get_run_by_id(run.run_id) for run in runs]
    return [run.status.value for run in found if run is not None]


def test_a_run_of_the_web_pages_is_closed_when_its_process_is_gone(instance: dg.DagsterInstance) -> None:
    dead = opened(instance, DagsterRunStatus.STARTED, ended_process())
    alive = opened(instance, DagsterRunStatus.STARTED, os.getpid())
    waiting = opened(instance, DagsterRunStatus.NOT_STARTED)
    done = opened(instance, DagsterRunStatus.SUCCESS, ended_process())
    assert [run.run_id for run in close_dead_runs(instance, PROFILE)] == [dead.run_id]
    assert statuses(instance, dead, alive, waiting, done) == ["CANCELED", "STARTED", "NOT_STARTED", "SUCCESS"]
    assert close_dead_runs(instance, PROFILE) == []


def test_a_process_that_got_the_number_later_is_another_one(instance: dg.DagsterInstance) -> None:
    later = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with pytest.MonkeyPatch.context() as patch:
            now = time.time()
            patch.setattr(time, "time", lambda: now - 3600)
            run = opened(instance, DagsterRunStatus.STARTED, later.pid)
        assert [one.run_id for one in close_dead_runs(instance, PROFILE)] == [run.run_id]
    finally:
        later.kill()
        later.wait()


def test_a_run_of_another_machine_is_left_alone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, here = ended_process(), socket.gethostname()
    theirs = opened(instance, DagsterRunStatus.STARTED, gone, **{HOST_TAG: "another"})
    ours = opened(instance, DagsterRunStatus.STARTED, gone, **{HOST_TAG: here})
    unsaid = opened(instance, DagsterRunStatus.STARTED, gone)
    monkeypatch.setattr(postgres, "chosen", lambda: True)
    assert [run.run_id for run in close_dead_runs(instance, PROFILE)] == [ours.run_id]
    assert statuses(instance, theirs, ours, unsaid) == ["STARTED", "CANCELED", "STARTED"]


def test_a_run_that_dagster_launches_says_on_which_machine_it_is(instance: dg.DagsterInstance) -> None:
    result = dg.execute_job(dg.reconstructable(make_nothing), instance)
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run.tags[HOST_TAG] == socket.gethostname()


def test_runs_of_the_runner_are_closed_by_their_session(instance: dg.DagsterInstance) -> None:
    one = opened(instance, DagsterRunStatus.STARTED, ended_process(), **{SESSION_TAG: "one"})
    other = opened(instance, DagsterRunStatus.STARTED, ended_process(), **{SESSION_TAG: "other"})
    assert close_dead_runs(instance, PROFILE) == [], "whether they are dead is known by the lock"
    assert [run.run_id for run in close_runs(instance, PROFILE, "one")] == [one.run_id]
    assert [run.run_id for run in close_runs(instance, PROFILE)] == [other.run_id]


def test_tracked_runs_end_with_their_dagster_runs(instance: dg.DagsterInstance) -> None:
    alive, done = opened(instance, DagsterRunStatus.STARTED), opened(instance, DagsterRunStatus.FAILURE)
    tracking = MlflowTracking(PROFILE.tracking, PROFILE.name)
    client, experiment = tracking.client(), tracking._experiment
    tracked = [
        client.create_run(experiment, tags={DAGSTER_RUN: name}).info.run_id
        for name in (alive.run_id, done.run_id, "of an instance that is no more")
    ]
    shared = fake_method.fake_profile(tracking={"uri": tracking.uri})
    assert close_tracked(instance, shared) == 1
    assert [client.get_run(one).info.status for one in tracked] == ["RUNNING", "KILLED", "RUNNING"]
    assert close_tracked(instance, PROFILE) == 1
    assert [client.get_run(one).info.status for one in tracked] == ["RUNNING", "KILLED", "KILLED"]
    assert close_tracked(instance, PROFILE) == 0


def test_the_command_says_what_it_closed(instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]) -> None:
    recover()
    assert capsys.readouterr().out == "nothing was left open\n"
    tags = {"dagster/partition": "0-of-2"}
    dead = opened(instance, DagsterRunStatus.STARTED, ended_process(), **tags)
    session = opened(instance, DagsterRunStatus.STARTED, **{SESSION_TAG: "killed"})
    with run_lock():
        recover()
    out = capsys.readouterr().out
    assert "a genprm run is in progress here" in out
    assert f"closed run {dead.run_id[:8]}: make_problems 0-of-2\n" in out
    assert statuses(instance, session) == ["STARTED"]
    recover()
    assert capsys.readouterr().out.startswith(f"closed run {session.run_id[:8]}: make_problems\n")
    assert statuses(instance, session) == ["CANCELED"]
