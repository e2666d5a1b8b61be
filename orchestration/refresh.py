"""The asset `refresh`: one click on the graph makes again exactly what is stale.

It is made from the parameters and has no partitions. So Dagster itself marks it out of date on the graph when a
parameter changes, and "Materialize unsynced" launches it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from assets.artifact import OWNERS
from genprm.settings import Profile
from orchestration.dagster_private import AssetGraph, UnresolvedAssetJobDefinition
from orchestration.display import LogDisplay
from orchestration.executors import IN_PROCESS
from orchestration.jobs import make_in_step
from orchestration.materialize import Choice
from orchestration.runner import REFRESH
from orchestration.worker import SESSION_TAG


def refresh_asset(
    profile: Profile, parameters: Sequence[dg.AssetKey], graph: Callable[[], AssetGraph], definitions: str
) -> dg.AssetsDefinition:
    """The asset; `definitions` is as for a `Runner`."""

    @dg.asset(
        name=REFRESH,
        deps=parameters,
        group_name=REFRESH,
        kinds={"python"},
        owners=OWNERS,
        output_required=False,
        description="Materialize this to make again what is stale and nothing else, as `genprm refresh` does. Each "
        "partition is a run of its own that says why. It is out of date itself when a parameter changed since. "
        "What was never made is left to `make_everything`. Launched together with other assets it does nothing.",
    )
    def refresh(context):  # type: ignore[no-untyped-def]  # Dagster refuses annotations that are strings
        others = sorted(
            key.to_user_string() for key in context.run.asset_selection or () if key != context.asset_key
        )
        if others:
            context.log.warning(
                f"launched together with {', '.join(others)}, which it might make at the same time: nothing was "
                f"done; launch {REFRESH} alone"
            )
            return
        if SESSION_TAG in context.run.tags:
            yield dg.MaterializeResult(metadata={"by": "genprm run"})
            return
        display = LogDisplay(context.log)
        make_in_step(profile, graph(), context, Choice(only_again=True), definitions, display)
        yield dg.MaterializeResult(metadata=_told(display))

    return refresh


def _told(display: LogDisplay) -> dict[str, int | dg.MetadataValue]:
    rows = [f"| {str(one.node).replace('|', ' x ')} | {one.why} | {one.seconds:.1f} |" for one in display.made]
    table = "\n".join(["| partition | why | seconds |", "|---|---|---|", *rows])
    return {"made": len(rows), "partitions": dg.MetadataValue.md(table if rows else "nothing was stale")}


def refresh_job() -> UnresolvedAssetJobDefinition:
    """The same as a job, for the list of jobs."""
    return dg.define_asset_job(
        f"{REFRESH}_job",
        selection=dg.AssetSelection.assets(REFRESH),
        executor_def=IN_PROCESS,
        description="Make again what is stale, and nothing else.",
    )
