"""What `genprm run`, `genprm refresh` and the jobs of the web pages do: find what is due, and make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from assets.partitions import Pipeline
from genprm.settings import Profile
from genprm.store import profile_store
from orchestration.dagster_private import AssetGraph
from orchestration.damage import damage_of
from orchestration.display import LineDisplay
from orchestration.recovery import close_runs
from orchestration.reporting import report_parameters
from orchestration.runner import Runner, Summary
from orchestration.schedule import inputs_outside, made_before, missing_inputs, pipeline_nodes
from orchestration.staleness import Node, Staleness


class MissingInput(RuntimeError):  # noqa: N818  says what it is
    """A chosen artifact needs an input that was not chosen and is missing or damaged."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to make: some artifacts (all when empty), and with `only_again` only what was made before."""

    artifacts: Sequence[str] = ()
    only_again: bool = False


def materialize(
    profile: Profile,
    graph: AssetGraph,
    instance: dg.DagsterInstance,
    choice: Choice,
    display: LineDisplay,
    definitions: str,
) -> tuple[list[Node], Summary]:
    """Make what is missing or stale; return the partitions that were looked at, and what became of them.

    The caller holds the home's `run_lock`. `definitions` is as for a `Runner`.

    Raises:
        MissingInput: an input was neither chosen nor ever made, or was damaged since.
    """
    close_runs(instance, profile)
    report_parameters(instance, Pipeline(profile))
    staleness = Staleness(instance, graph)
    nodes = pipeline_nodes(graph, choice.artifacts or None)
    if choice.only_again:
        nodes, waiting = made_before(nodes, staleness, graph)
        for node, parent in waiting.items():
            display.waits(node, parent)
    elif lacking := missing_inputs(nodes, staleness, graph):
        node, parent = lacking[0]
        raise MissingInput(f"{node.asset}: its input {parent} is missing; select {parent.asset} too")
    store = profile_store(profile.name)
    for node, parent in inputs_outside(nodes, staleness, graph):
        if found := damage_of(parent, staleness.version(parent), store):
            raise MissingInput(f"{node.asset}: its input {parent} is damaged ({found}); select {parent.asset} too")
    runner = Runner(profile, graph, instance, store, display, definitions)
    return nodes, runner.run(nodes, everything=not choice.artifacts)
