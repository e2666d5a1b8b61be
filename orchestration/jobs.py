"""Jobs: one per artifact, and one that looks whether everything is in step."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

SYNC_REPORT = "sync_report"


def job_name(asset: str) -> str:
    """The job that materializes one artifact."""
    return f"make_{asset}"


def asset_job(asset: dg.AssetsDefinition) -> UnresolvedAssetJobDefinition:
    """Materialize one artifact, partition by partition, with the checks that belong to the step itself."""
    name = asset.key.to_user_string()
    own = dg.AssetSelection.assets(asset.key).without_checks()
    for key in asset.check_keys:
        own = own | dg.AssetSelection.checks(key)
    return dg.define_asset_job(
        job_name(name),
        selection=own,
        description=f"Materialize `{name}`, one run per partition.",
    )


def checks_job(checks: Sequence[dg.AssetChecksDefinition]) -> UnresolvedAssetJobDefinition:
    """The checks that stand beside the assets, without making anything."""
    return dg.define_asset_job(
        SYNC_REPORT,
        selection=dg.AssetSelection.checks(*checks),
        description="Which partitions are out of date and why, and whether evaluation problems are held out.",
    )
