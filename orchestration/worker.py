"""A process that materializes partitions, one after the other, and keeps its engine in between."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from genprm.full_disk import full_disk
from genprm.parents import die_with
from genprm.quick_start import collect_seldom
from genprm.settings import Profile
from orchestration.needs import Needs
from orchestration.staleness import Node

if TYPE_CHECKING:
    import dagster as dg

    from orchestration.dagster_private import SerializableErrorInfo, StepFailureData

LOCATION = "genprm"
"""The code location, as the pages call it."""
SESSION_TAG = ".dagster/genprm_session"
"""The session of the runner that made a run. The pages hide tags with this prefix."""
PROFILE_TAG = "genprm/profile"
ARTIFACT_TAG = ".dagster/genprm_artifact"
REASON_TAG = "genprm/reason"
TAG_CHARACTERS = 200
LOOK_SECONDS = 1.0
"""How often a worker without an order checks whether another process waits for its GPUs."""
STOP_SECONDS = 20.0
"""How long an interrupted worker may take to close what it opened."""


@dataclass(frozen=True, slots=True)
class Order:
    """One run: a partition of an artifact and why it is made; without an artifact, the separate checks."""

    artifact: str | None
    partition: str | None
    reason: str = "chosen"


@dataclass(frozen=True, slots=True)
class Advance:
    """How far the partition in hand has come."""

    finished: int
    total: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an order ended. `error` is one line, empty when all went well; `died` says that a process ended during
    it, which is no fault of the code and worth another try."""

    run_id: str
    seconds: float
    error: str = ""
    died: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker on another machine was placed and takes orders."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A worker on another machine cannot work there, for a reason that holds for all workers."""

    why: str


class Worker:
    """The parent's end of one worker process."""

    def __init__(self, profile: Profile, definitions: str, session: str) -> None:
        self.needs = Needs()
        self.ready = True
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, profile, definitions, session, os.getpid()), name="genprm-worker"
        )
        self._process.start()
        theirs.close()
        self.node: Node | None = None

    def send(self, node: Node | None, order: Order) -> None:
        """Start an order; its `Advance`s and its `Outcome` come through `connection`."""
        self.node = node
        self.connection.send(order)

    @property
    def outcome(self) -> Outcome:
        """What became of the order in hand, now that the process has ended: killed from outside, or by a fault."""
        self._process.join(1)
        code = self._process.exitcode or 0
        ended = f"by signal {-code}" if code < 0 else f"with status {code}"
        return Outcome("", 0.0, f"its process ended {ended}", died=code < 0)

    def interrupt(self) -> None:
        """Ask the partition in hand to stop and close what it opened."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        """End the process: it finishes closing its engine, and is killed when that takes too long or an interrupt
        comes."""
        self.connection.close()
        try:
            self._process.join(STOP_SECONDS)
        finally:
            if self._process.is_alive():
                self._process.kill()
                self._process.join()


def serve(connection: Connection, profile: Profile, definitions: str, session: str, parent: int) -> None:
    """What the process does: orders in, outcomes out, until the parent closes the connection or dies."""
    collect_seldom()
    os.setpgrp()  # a Ctrl-C in the terminal is for the parent, which passes it on once
    die_with(parent)
    warnings.simplefilter("ignore")
    logging.captureWarnings(True)
    import dagster as dg

    from assets.progress import StepProgress
    from orchestration.machines import release_machines

    module, _, name = definitions.partition(":")
    defs: dg.Definitions = getattr(importlib.import_module(module), name)(profile)
    tags = {SESSION_TAG: session, PROFILE_TAG: profile.name}
    StepProgress.listener = lambda finished, total: connection.send(Advance(finished, total))
    try:
        with dg.DagsterInstance.get() as instance:
            _take_orders(connection, defs, instance, tags)
    except Exception as error:
        line = full_disk(error)
        if line is None:
            raise
        sys.exit(f"genprm: {line}")
    finally:
        release_machines()


def _take_orders(
    connection: Connection, defs: dg.Definitions, instance: dg.DagsterInstance, tags: dict[str, str]
) -> None:
    from orchestration.machines import release_awaited_machines

    while True:
        try:
            while not connection.poll(LOOK_SECONDS):
                release_awaited_machines()
            order = connection.recv()
        except (EOFError, OSError):
            return
        except KeyboardInterrupt:
            continue
        try:
            outcome = execute(defs, instance, order, tags)
        except KeyboardInterrupt:
            outcome = Outcome("", 0.0, "interrupted")
        try:
            connection.send(outcome)
        except BrokenPipeError:  # interrupted: the parent waits for the end of the process, not for its outcome
            return


def execute(defs: dg.Definitions, instance: dg.DagsterInstance, order: Order, tags: dict[str, str]) -> Outcome:
    """Run an order in this process."""
    from orchestration.checks import SYNC_REPORT
    from orchestration.dagster_private import artifact_job, runs_of_location

    started = time.perf_counter()
    if order.artifact is None:
        job = defs.resolve_job_def(SYNC_REPORT)
    else:
        job = artifact_job(defs, order.artifact)
        tags = {**tags, ARTIFACT_TAG: order.artifact, REASON_TAG: order.reason[:TAG_CHARACTERS]}
    with runs_of_location(instance, LOCATION, job):
        result = job.execute_in_process(
            instance=instance,
            partition_key=order.partition,
            tags=tags,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    seconds = time.perf_counter() - started
    if result.success:
        return Outcome(result.run_id, seconds)
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    if not failures:
        return Outcome(result.run_id, seconds, "the run failed before its step started")
    return Outcome(result.run_id, seconds, one_line(failures[0]), is_death(failures[0]))


def one_line(failure: StepFailureData) -> str:
    """Why a step failed: what its `Failure` says, or the innermost cause as `Class: message`."""
    told = failure.user_failure_data
    if told is not None:
        return " ".join((told.description or "the step failed").split())
    causes = _causes(failure)
    return " ".join(causes[-1].message.split()) if causes else "the step failed"


def is_death(failure: StepFailureData) -> bool:
    """Whether a step failed because a copy of its engine ended, or the process that starts its sandbox sessions."""
    from genprm.engines.copies.processes import ReplicaDied
    from genprm.sandbox.base import ZygoteGoneError

    names = {ReplicaDied.__name__, ZygoteGoneError.__name__}
    return any(error.cls_name in names for error in _causes(failure))


def _causes(failure: StepFailureData) -> list[SerializableErrorInfo]:
    """The error of a step, and what caused it, innermost last."""
    found, error = [], failure.error
    while error is not None:
        found.append(error)
        error = error.cause
    return found
