"""Everything used here that is not part of Dagster's public interface. No other module imports Dagster's internals.

`tests/orchestration/test_dagster_private.py` tests what each name has to do. The version in pyproject.toml is exact
because of this module: run that test when you raise it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.data_version import (
    CachingStaleStatusResolver,
    StaleStatus,
    extract_data_version_from_entry,
)
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.loader import LoadingContextForTest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from dagster_shared.error import SerializableErrorInfo

__all__ = [
    "DAEMON_MODULE",
    "AssetGraph",
    "SerializableErrorInfo",
    "StaleStatus",
    "StepFailureData",
    "UnresolvedAssetJobDefinition",
]

DAEMON_MODULE = "dagster._daemon"
"""The module with which `python -m` starts the daemon in this same Python."""


def stale_status_resolver(instance: dg.DagsterInstance, graph: AssetGraph) -> CachingStaleStatusResolver:
    """The resolver that says which partitions are stale, and why. It caches what it reads from the instance."""
    return CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))


def latest_version(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> str | None:
    """The data version last reported for an external asset; None before the first report."""
    record = instance.get_latest_data_version_record(key, is_source=True, partition_key=partition)
    if record is None:
        return None
    version = extract_data_version_from_entry(record.event_log_entry)
    return None if version is None else version.value


@contextmanager
def runs_of_location(instance: dg.DagsterInstance, location: str, job: dg.JobDefinition) -> Iterator[None]:
    """Make runs of a job that this process executes in the block belong to a code location, like runs launched from
    the web pages. Runs without a location appear in no timeline and in no job's history.

    A run of an `artifact_job` records the artifact. `execute_in_process(asset_selection=...)` would record it too,
    but select all checks of the artifact anew.
    """
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), SINGLETON_REPOSITORY_NAME)
    recorded: dict[str, Any] = {"remote_job_origin": RemoteJobOrigin(repository, job.name)}
    if job.asset_selection:
        recorded["asset_selection"] = job.asset_selection
    create = instance.create_run_for_job

    def create_here(**arguments: Any) -> dg.DagsterRun:
        return create(**{**arguments, **recorded})

    instance.create_run_for_job = create_here  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        del instance.create_run_for_job


def sent_to_pages(definitions: dg.Definitions) -> str:
    """The JSON that a code server sends to the web pages about all definitions.

    Raises:
        dagster_shared.serdes.errors.SerializationError: a value is of a type that cannot be sent; the pages would
            then show nothing but that error. `dagster definitions validate` does not check this.
    """
    snapshot = RepositorySnap.from_def(definitions.get_repository_def(), defer_snapshots=False)
    return str(serialize_value(snapshot))


def artifact_job(definitions: dg.Definitions, artifact: str) -> dg.JobDefinition:
    """The job that materializes one artifact, with the checks of its own step but not the separate ones."""
    key = dg.AssetKey.from_user_string(artifact)
    own_checks = definitions.resolve_assets_def(key).check_keys
    everything = definitions.resolve_implicit_global_asset_job_def()
    return everything.get_subset(asset_selection={key}, asset_check_selection=set(own_checks))
