"""The `in_sync` check: Dagster's graph never shows a partitioned asset as out of date, nor what is made from it."""

from collections.abc import Callable, Sequence

import dagster as dg

from orchestration.dagster_private import AssetGraph, UnresolvedAssetJobDefinition
from orchestration.damage import standing_of
from orchestration.staleness import Node, Staleness

SYNC_REPORT = "sync_report"
SHOWN = 50
"""Partitions listed in a check's table."""


def in_sync_check(asset: dg.AssetsDefinition, graph: Callable[[], AssetGraph]) -> dg.AssetChecksDefinition:
    """Which partitions of an asset are out of date or missing, and why (severity WARN), in the whole `graph`."""
    name = asset.key.to_user_string()
    keys = asset.partitions_def.get_partition_keys() if asset.partitions_def else [None]

    @dg.asset_check(
        asset=asset.key,
        name="in_sync",
        description="Partitions that were never made, whose parameters, code or inputs changed since, or whose "
        "files are not what was written.",
        required_resource_keys={"store"},
    )
    def in_sync(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        staleness, store = Staleness(context.instance, graph()), context.resources.store
        standings = {key: standing_of(Node(name, key), staleness, store) for key in keys}
        late = {key: standing for key, standing in standings.items() if standing.state != "fresh"}
        lines = [
            f"| {(key or name).replace('|', ' x ')} | {s.state} | {s.why} |"
            for key, s in list(late.items())[:SHOWN]
        ]
        table = "\n".join(["| partition | state | why |", "|---|---|---|", *lines])
        return dg.AssetCheckResult(
            passed=not late,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "fresh": len(keys) - len(late),
                "stale": sum(standing.state == "stale" for standing in late.values()),
                "missing": sum(standing.state == "missing" for standing in late.values()),
                "partitions": dg.MetadataValue.md(table if late else "all are fresh"),
            },
        )

    return in_sync


def checks_job(checks: Sequence[dg.AssetChecksDefinition]) -> UnresolvedAssetJobDefinition:
    """The checks that stand beside the assets, in one process, without making anything."""
    return dg.define_asset_job(
        SYNC_REPORT,
        selection=dg.AssetSelection.checks(*checks),
        executor_def=dg.in_process_executor,
        description="Which partitions are out of date and why, and whether evaluation problems are held out.",
    )
