"""The `in_sync` check of every partitioned asset: Dagster's graph never shows one as out of date by itself."""

from collections.abc import Callable

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from orchestration.staleness import Node, Staleness

SHOWN = 50
"""Partitions listed in a check's table."""


def in_sync_check(asset: dg.AssetsDefinition, graph: Callable[[], AssetGraph]) -> dg.AssetChecksDefinition:
    """Which partitions of an asset are out of date or missing, and why (severity WARN), in the whole `graph`."""
    partitions = asset.partitions_def
    assert partitions is not None
    name = asset.key.to_user_string()
    keys = partitions.get_partition_keys()

    @dg.asset_check(
        asset=asset.key,
        name="in_sync",
        description="Partitions that were never made, or whose parameters, code or inputs changed since.",
    )
    def in_sync(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        staleness = Staleness(context.instance, graph())
        standings = {key: staleness.standing(Node(name, key)) for key in keys}
        late = {key: standing for key, standing in standings.items() if standing.state != "fresh"}
        lines = [f"| {key.replace('|', ' x ')} | {s.state} | {s.why} |" for key, s in list(late.items())[:SHOWN]]
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
