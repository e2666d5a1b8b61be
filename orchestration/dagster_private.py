"""Everything of Dagster that is used here and not part of its public interface. No other module imports any.

`tests/orchestration/test_dagster_private.py` says what each name has to do. The version in pyproject.toml is exact
because of this module: raise it with that test in hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

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
"""What `python -m` runs as the daemon in this very Python."""


def stale_status_resolver(instance: dg.DagsterInstance, graph: AssetGraph) -> CachingStaleStatusResolver:
    """What says which partitions are stale, and why. It remembers what it has read from the instance."""
    return CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))


def latest_version(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> str | None:
    """The data version of an external asset that was reported last; None before the first report."""
    record = instance.get_latest_data_version_record(key, is_source=True, partition_key=partition)
    if record is None:
        return None
    version = extract_data_version_from_entry(record.event_log_entry)
    return None if version is None else version.value


@contextmanager
def runs_of_location(instance: dg.DagsterInstance, location: str, job: str) -> Iterator[None]:
    """Runs of a job that this process executes in the block belong to a code location, as those do that its pages
    launch. Runs of no location are in no timeline and in no job's history."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), SINGLETON_REPOSITORY_NAME)
    origin = RemoteJobOrigin(repository, job)
    create = instance.create_run_for_job
    instance.create_run_for_job = partial(create, remote_job_origin=origin)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job


def sent_to_pages(definitions: dg.Definitions) -> str:
    """What a code server sends to the pages of all that is defined, as JSON.

    Raises:
        dagster_shared.serdes.errors.SerializationError: a value is of a type that cannot be sent; the pages would
            then show nothing but that error. `dagster definitions validate` does not look.
    """
    snapshot = RepositorySnap.from_def(definitions.get_repository_def(), defer_snapshots=False)
    return str(serialize_value(snapshot))


def artifact_job(definitions: dg.Definitions, artifact: str) -> dg.JobDefinition:
    """The job that materializes one artifact, with the checks of its own step and without those beside it."""
    key = dg.AssetKey.from_user_string(artifact)
    own_checks = definitions.resolve_assets_def(key).check_keys
    everything = definitions.resolve_implicit_global_asset_job_def()
    return everything.get_subset(asset_selection={key}, asset_check_selection=set(own_checks))
