"""How everything that is made here stands at one moment: fresh, stale, missing, or made from what is not fresh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from genprm.store import TableStore
from orchestration.dagster_private import AssetGraph
from orchestration.damage import standing_of
from orchestration.schedule import pipeline_nodes
from orchestration.staleness import Node, Staleness, Standing

BEHIND = "behind"
STATES = ("fresh", "stale", "missing", BEHIND)


@dataclass(frozen=True)
class Survey:
    """The standing of every partition, upstream first. `behind` maps each partition that is fresh itself, but made
    from one that is not, to that one: it may come out differently once that one is made."""

    standings: Mapping[Node, Standing]
    behind: Mapping[Node, Node]

    @property
    def late(self) -> dict[Node, Standing]:
        """What is stale or missing."""
        return {node: standing for node, standing in self.standings.items() if standing.state != "fresh"}

    def of(self, asset: str) -> list[Node]:
        """The partitions of one asset."""
        return [node for node in self.standings if node.asset == asset]

    def state(self, node: Node) -> str:
        """One of `STATES`."""
        return BEHIND if node in self.behind else self.standings[node].state

    def counts(self, nodes: Iterable[Node]) -> dict[str, int]:
        """How many of some partitions are in each state."""
        states = [self.state(node) for node in nodes]
        return {state: states.count(state) for state in STATES}

    def why(self, node: Node) -> str:
        """Why a partition is not fresh, or what it is made from that is not; empty where all is fresh."""
        if node in self.behind:
            source = self.behind[node]
            return f"made from {source}, which is {self.standings[source].state}"
        return self.standings[node].why


def survey(
    instance: dg.DagsterInstance,
    graph: AssetGraph,
    store: TableStore | None,
    verify: bool = False,
    assets: Iterable[dg.AssetKey] | None = None,
) -> Survey:
    """Look at every partition of a profile's graph, or of `assets` and what these are made from.

    Args:
        verify: read every file.
    """
    staleness = Staleness(instance, graph)
    nodes = pipeline_nodes(graph, None if assets is None else _and_ancestors(assets, graph))
    standings = {node: standing_of(node, staleness, store, verify) for node in nodes}
    return Survey(standings, _behind(nodes, standings, staleness))


def _and_ancestors(assets: Iterable[dg.AssetKey], graph: AssetGraph) -> set[str]:
    return {
        found.to_user_string() for key in assets for found in graph.get_ancestor_asset_keys(key, include_self=True)
    }


def _behind(nodes: Sequence[Node], standings: Mapping[Node, Standing], staleness: Staleness) -> dict[Node, Node]:
    sources = {node: node for node in nodes if standings[node].state != "fresh"}
    if not sources:
        return {}
    for node in nodes:
        if node not in sources:
            found = next((sources[parent] for parent in staleness.parents(node) if parent in sources), None)
            if found is not None:
                sources[node] = found
    return {node: source for node, source in sources.items() if node != source}
