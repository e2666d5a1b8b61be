"""The machine that the process of a run is on: its id means nothing on another machine or in another container.

Dagster records only the process id, and several machines may share the records.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster import DagsterRun

from orchestration import postgres

HOST_TAG = ".dagster/genprm_host"
"""The machine of a run that Dagster launched. The pages show no tag with this prefix."""


def is_here(run: DagsterRun) -> bool:
    """Whether the process of a run was started on this machine.

    Runs of earlier releases have no tag with the machine. They count as started here unless the records are in
    Postgres, which several machines may share.
    """
    host = run.tags.get(HOST_TAG)
    return not postgres.chosen() if host is None else host == socket.gethostname()


def tagging(definition: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """The same executor, which first tags the run with the machine of its process."""
    create = definition.executor_creation_fn
    assert create is not None
    return dg.ExecutorDefinition(
        name=definition.name,
        config_schema=definition.config_schema.as_field(),
        requirements=definition.get_requirements,
        executor_creation_fn=lambda context: _Tagging(create(context)),
        description=definition.description,
    )


class _Tagging(dg.Executor):
    """Is called in the process of the run, wherever the steps execute."""

    def __init__(self, executor: dg.Executor) -> None:
        self._executor = executor

    @property
    def retries(self) -> Any:
        return self._executor.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._executor.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        plan_context.instance.add_run_tags(plan_context.run_id, {HOST_TAG: socket.gethostname()})
        yield from self._executor.execute(plan_context, execution_plan)
