"""Which partitions are missing or out of date, and why.

Dagster knows, but shows it for single partitions only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import dagster as dg

from assets.parameters import PARAMETERS
from orchestration.changes import changes_since
from orchestration.dagster_private import AssetGraph, StaleStatus, stale_status_resolver

State = Literal["fresh", "stale", "missing"]

MOST_WHY = 3


class Node(NamedTuple):
    """One partition of one asset; None for an asset without partitions."""

    asset: str
    partition: str | None

    @property
    def key(self) -> dg.AssetKey:
        """The key of the asset."""
        return dg.AssetKey.from_user_string(self.asset)

    def __str__(self) -> str:
        return self.asset if self.partition is None else f"{self.asset} {self.partition}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partition stands, and why when it is not fresh."""

    state: State
    why: str = ""


class Staleness:
    """A view of the instance as it is now; make a new one after something was materialized."""

    def __init__(self, instance: dg.DagsterInstance, graph: AssetGraph) -> None:
        self._instance = instance
        self._graph = graph
        self._resolver = stale_status_resolver(instance, graph)

    def standing(self, node: Node) -> Standing:
        """Missing, stale or fresh, by what Dagster has recorded."""
        status = self._resolver.get_status(node.key, node.partition)
        if status == StaleStatus.MISSING:
            return Standing("missing", "never made")
        if status == StaleStatus.FRESH:
            return Standing("fresh")
        causes = self._resolver.get_stale_causes(node.key, node.partition)
        reasons = list(dict.fromkeys(self._reason(node, cause) for cause in causes))
        more = f" and {len(reasons) - MOST_WHY} more" if len(reasons) > MOST_WHY else ""
        return Standing("stale", "; ".join(reasons[:MOST_WHY]) + more)

    def _reason(self, node: Node, cause: object) -> str:
        dependency = getattr(cause, "dependency", None)
        if dependency is None:
            return str(getattr(cause, "reason", "changed"))
        name, read = dependency.asset_key, dependency.partition_key
        if name.path[0] == PARAMETERS:
            values = changes_since(self._instance, node.key, node.partition, name, read)
            if values:
                return values
        return f"{name.to_user_string()}{f' {read}' if read else ''} changed"

    def version(self, node: Node) -> str | None:
        """The data version recorded last."""
        return self._resolver.get_current_data_version(node.key, node.partition).value

    def parents(self, node: Node) -> list[Node]:
        """The partitions that this one is made from, parameters included."""
        return self._partitions_behind(node, self._graph.get(node.key).parent_keys)

    def inputs(self, node: Node) -> list[Node]:
        """What has to be there when this one is made: its parents, and what its checks read besides."""
        checks = self._graph.get_check_keys_for_assets({node.key})
        read = {asset for check in checks for asset in self._graph.get(check).parent_entity_keys}
        return self._partitions_behind(node, self._graph.get(node.key).parent_keys | read - {node.key})

    def _partitions_behind(self, node: Node, parents: Iterable[dg.AssetKey]) -> list[Node]:
        found: list[Node] = []
        for parent in sorted(parents):
            name = parent.to_user_string()
            if not self._graph.get(parent).is_partitioned:
                found.append(Node(name, None))
                continue
            behind = self._graph.get_parent_partition_keys_for_child(node.partition, parent, node.key)
            found += [Node(name, one) for one in sorted(behind.partitions_subset.get_partition_keys())]
        return found
