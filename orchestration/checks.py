"""The `in_sync` checks: Dagster's graph never shows partitioned assets, or their dependents, as out of date."""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from orchestration.dagster_private import AssetGraph, UnresolvedAssetJobDefinition
from orchestration.executors import IN_PROCESS
from orchestration.survey import Survey, survey

IN_SYNC = "in_sync"
SYNC_REPORT = "sync_report"
SHOWN = 50
"""Partitions listed in a check's table."""


def in_sync_checks(
    assets: Sequence[dg.AssetsDefinition], graph: Callable[[], AssetGraph]
) -> dg.AssetChecksDefinition:
    """A check per asset: which partitions are out of date or missing in the whole `graph`, and why (severity WARN).

    One survey of the home serves all checks.
    """
    specs = [
        dg.AssetCheckSpec(
            IN_SYNC,
            asset=asset.key,
            description="Partitions that were never made, whose parameters, code or inputs changed since, whose "
            "files are not what was written, or that are made from such.",
        )
        for asset in assets
    ]

    @dg.multi_asset_check(name=IN_SYNC, specs=specs, can_subset=True, required_resource_keys={"store"})
    def look(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        checked = sorted(key.asset_key for key in context.selected_asset_check_keys)
        found = survey(context.instance, graph(), context.resources.store, assets=checked)
        for asset in checked:
            yield in_sync(found, asset)

    return look


def in_sync(found: Survey, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """The check result for one asset, from a survey."""
    nodes = found.of(asset.to_user_string())
    late = [node for node in nodes if found.state(node) != "fresh"]
    lines = [
        f"| {(node.partition or node.asset).replace('|', ' x ')} | {found.state(node)} | {found.why(node)} |"
        for node in late[:SHOWN]
    ]
    table = "\n".join(["| partition | state | why |", "|---|---|---|", *lines])
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=IN_SYNC,
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            **found.counts(nodes),
            "partitions": dg.MetadataValue.md(table if late else "all are fresh"),
        },
    )


def checks_job(checks: Sequence[dg.AssetChecksDefinition]) -> UnresolvedAssetJobDefinition:
    """The job that runs the checks beside the assets, in one process, without making anything."""
    return dg.define_asset_job(
        SYNC_REPORT,
        selection=dg.AssetSelection.checks(*checks),
        executor_def=IN_PROCESS,
        description="Which partitions are out of date and why, and whether evaluation problems are held out.",
    )
