"""The order in which partitions are made: each as soon as everything it is made from is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from assets.artifact import Stage
from orchestration.dagster_private import AssetGraph
from orchestration.staleness import Node, Staleness


def pipeline_nodes(graph: AssetGraph, assets: Iterable[str] | None = None) -> list[Node]:
    """Every partition of every artifact (of `assets` only, when given), upstream first."""
    wanted = None if assets is None else set(assets)
    found = []
    for name in artifact_names(graph):
        if wanted is not None and name not in wanted:
            continue
        partitions = graph.get(dg.AssetKey.from_user_string(name)).partitions_def
        keys = [None] if partitions is None else partitions.get_partition_keys()
        found += [Node(name, partition) for partition in keys]
    return found


def artifact_names(graph: AssetGraph) -> list[str]:
    """The artifacts that are made here, stage by stage, upstream first."""
    stages = [stage.value for stage in Stage]
    made = [
        key
        for key in graph.toposorted_asset_keys
        if graph.get(key).is_materializable and graph.get(key).group_name in stages
    ]
    return [key.to_user_string() for key in sorted(made, key=lambda key: stages.index(graph.get(key).group_name))]


def parents_within(nodes: Sequence[Node], staleness: Staleness) -> dict[Node, list[Node]]:
    """For each node, those of the other nodes that have to be made first."""
    known = set(nodes)
    return {node: [parent for parent in staleness.inputs(node) if parent in known] for node in nodes}


@dataclass
class Schedule:
    """What is done, running, waiting, or given up because something upstream failed. Earlier nodes go first."""

    nodes: Sequence[Node]
    parents: Mapping[Node, Sequence[Node]]
    done: set[Node] = field(default_factory=set)
    running: set[Node] = field(default_factory=set)
    failed: set[Node] = field(default_factory=set)
    skipped: set[Node] = field(default_factory=set)

    def ready(self) -> Iterator[Node]:
        """The nodes whose inputs are all there, including those that become ready meanwhile."""
        for node in self.nodes:
            begun = any(node in nodes for nodes in (self.done, self.running, self.failed, self.skipped))
            if not begun and all(parent in self.done for parent in self.parents[node]):
                yield node

    def start(self, node: Node) -> None:
        """Mark a node as being made."""
        self.running.add(node)

    def put_back(self, node: Node) -> None:
        """Put back a node that was begun and has to begin again."""
        self.running.discard(node)

    def finish(self, node: Node) -> None:
        """Mark a node as made, or found fresh."""
        self.running.discard(node)
        self.done.add(node)

    def fail(self, node: Node) -> None:
        """Mark a node that could not be made: everything downstream of it is given up."""
        self.running.discard(node)
        self.failed.add(node)
        broken = self.failed | self.skipped
        for other in self.nodes:
            if other not in broken and any(parent in broken for parent in self.parents[other]):
                self.skipped.add(other)
                broken = broken | {other}


def made_before(
    nodes: Sequence[Node], staleness: Staleness, graph: AssetGraph
) -> tuple[list[Node], dict[Node, Node]]:
    """Split the nodes that were made before into those whose inputs are all there, and those that wait.

    `nodes` come upstream first. Each waiting node has the input that it waits for, which was never made or waits
    itself.
    """
    again: list[Node] = []
    waiting: dict[Node, Node] = {}
    for node in nodes:
        if staleness.standing(node).state == "missing":
            continue
        for parent in staleness.inputs(node):
            if parent in waiting or _never_made(parent, staleness, graph):
                waiting[node] = parent
                break
        else:
            again.append(node)
    return again, waiting


def _never_made(node: Node, staleness: Staleness, graph: AssetGraph) -> bool:
    """Whether a partition could be made here and never was."""
    made_here = graph.get(node.key).is_materializable
    return made_here and staleness.standing(node).state == "missing"


def inputs_outside(nodes: Sequence[Node], staleness: Staleness, graph: AssetGraph) -> Iterator[tuple[Node, Node]]:
    """(node, input) for each input outside `nodes` that is made here, once per input."""
    seen = set(nodes)
    for node in nodes:
        for parent in staleness.inputs(node):
            if parent not in seen and graph.get(parent.key).is_materializable:
                seen.add(parent)
                yield node, parent


def missing_inputs(nodes: Sequence[Node], staleness: Staleness, graph: AssetGraph) -> list[tuple[Node, Node]]:
    """(node, input) for each input outside `nodes` that was never made."""
    outside = inputs_outside(nodes, staleness, graph)
    return [(node, parent) for node, parent in outside if staleness.standing(parent).state == "missing"]
