"""What a run has spent, beside what was planned for it.

Every partition's materialization records what its rows cost, no matter when and in how many runs they were made, so
the sum over the partitions is what the artifact cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from rich.table import Table

from assets.artifact import Spent, load_artifacts
from genprm.planning.planned import Planned, short
from orchestration.staleness import Node


def counted_artifacts() -> dict[str, Spent]:
    """The artifacts that plans cover, each with the names of its costs in the metadata."""
    return {name: one.declared.spends for name, one in load_artifacts().items() if one.declared.spends}


QUANTITIES = {
    "requests": "requests",
    "prompt_tokens": "prefix_tokens",
    "tokens": "tokens",
    "executions": "executions",
}
"""Each quantity, with the name that plans have for it."""
HEADINGS = ("requests", "read once", "written", "runs of code")


@dataclass(frozen=True, slots=True)
class Spending:
    """What the `made` ones of an artifact's `partitions` cost. A quantity that not all of them record is None."""

    made: int
    partitions: int
    requests: float | None = None
    prompt_tokens: float | None = None
    tokens: float | None = None
    executions: float | None = None


def spending(metadata: Sequence[Mapping[str, Any] | None], names: Spent) -> Spending:
    """Sum what the metadata of an artifact's partitions record; None stands for a partition that was never made."""
    made = [values for values in metadata if values is not None]
    # References among the checkpoints are not trained, and record no cost.
    telling = [values for values in made if names.requests in values]

    def total(name: str) -> float | None:
        return sum(values[name] for values in telling) if all(name in values for values in telling) else None

    if not telling:
        return Spending(len(made), len(metadata))
    return Spending(len(made), len(metadata), *(total(getattr(names, quantity)) for quantity in QUANTITIES))


def recorded(instance: dg.DagsterInstance, node: Node) -> dict[str, Any] | None:
    """The metadata of a partition's last materialization; None when there is none."""
    wanted = dg.AssetRecordsFilter(node.key, asset_partitions=[node.partition] if node.partition else None)
    records = instance.fetch_materializations(wanted, limit=1).records
    event = records[0].asset_materialization if records else None
    return None if event is None else {name: value.value for name, value in event.metadata.items()}


def comparison(spent: Mapping[str, Spending], rows: Sequence[Planned], source: str) -> Table:
    """A row for each artifact with something made: what it spent, and what share of the plan that is."""
    table = Table("asset", "made", title=f"spent, beside the plan {source}", title_justify="left", box=None)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for artifact, one in spent.items():
        if one.made:
            # Of the estimators of `mc_scores`, the profile's own is chosen.
            planned = next((row for row in rows if row.artifact == artifact and row.chosen), None)
            cells = [
                _cell(getattr(one, quantity), getattr(planned, foretold, None))
                for quantity, foretold in QUANTITIES.items()
            ]
            table.add_row(artifact, f"{one.made} of {one.partitions}", *cells)
    return table


def _cell(spent: float | None, planned: float | None) -> str:
    if spent is None or not (spent or planned):
        return ""
    return f"{spent:,.0f}" + (f"\n{100 * spent / planned:.0f} % of {short(planned)}" if planned else "")
