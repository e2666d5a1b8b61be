"""The runner behind `genprm run`: what is missing or stale is made, partition by partition, and nothing else.

Every partition is a Dagster run of its own on the persistent instance, so the UI shows what the terminal made. Runs
go to a few long-lived processes that keep their engine, because starting a process costs more than most partitions.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg

from genprm.settings import Profile
from genprm.store import TableStore
from orchestration.crew import crew_of
from orchestration.dagster_private import AssetGraph
from orchestration.damage import standing_of
from orchestration.display import LineDisplay
from orchestration.recovery import close_runs
from orchestration.schedule import Schedule, parents_within
from orchestration.staleness import Node, Staleness
from orchestration.worker import Advance, Order, Outcome

TRIES = 3
"""How often a partition is begun, the first time included, when a process dies under it: the worker, a copy of the
engine, the sandbox."""

REFRESH = "refresh"
"""The asset that stands for everything being in sync."""

DEFINITIONS = "orchestration.assembly:build_definitions"


@dataclass
class Summary:
    """What a run of the runner did."""

    made: list[Node] = field(default_factory=list)
    fresh: list[Node] = field(default_factory=list)
    failed: dict[Node, str] = field(default_factory=dict)
    skipped: list[Node] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The counts in one line."""
        return (
            f"{len(self.made)} made, {len(self.fresh)} fresh, {len(self.failed)} failed, "
            f"{len(self.skipped)} waiting for them"
        )


class Runner:
    """Makes what is not fresh among some nodes of one profile's graph.

    `definitions` names the function (`module:function`) that makes a worker's definitions from the profile.
    """

    def __init__(
        self,
        profile: Profile,
        graph: AssetGraph,
        instance: dg.DagsterInstance,
        store: TableStore | None,
        display: LineDisplay,
        definitions: str = DEFINITIONS,
    ) -> None:
        self._profile = profile
        self._graph = graph
        self._instance = instance
        self._store = store
        self._display = display
        self._session = uuid.uuid4().hex[:12]
        self._crew = crew_of(profile, definitions, self._session)
        self._standings: Staleness | None = None
        self._summary = Summary()
        self._begun: Counter[Node] = Counter()

    def run(self, nodes: Sequence[Node], everything: bool = False) -> Summary:
        """Make what is not fresh. On an interrupt the partitions in hand are closed and the interrupt is raised
        again; a training saves its state first, unless a second interrupt comes.

        Args:
            everything: `nodes` leaves out nothing stale, so that all is in sync when nothing fails.

        Raises:
            KeyboardInterrupt: once nothing is left running.
            ClusterError: likewise, where workers are on a cluster that lacks what they need.
        """
        schedule = Schedule(nodes, parents_within(nodes, self._staleness()))
        self._display.begin(len(nodes))
        try:
            self._work(schedule)
            if self._summary.made:
                self._sync_report()
            if everything and not self._summary.failed:
                self._record_in_sync()
        except BaseException:
            self._crew.stop(self._display.awaits_state)
            raise
        finally:
            try:
                self._crew.close()
            finally:
                close_runs(self._instance, self._profile, self._session)
                self._display.end()
        self._summary.skipped = [node for node in nodes if node in schedule.skipped]
        return self._summary

    def _staleness(self) -> Staleness:
        if self._standings is None:
            self._standings = Staleness(self._instance, self._graph)
        return self._standings

    def _work(self, schedule: Schedule) -> None:
        while True:
            while (waiting := self._hand_out(schedule)) and self._crew.summon(waiting):
                pass
            if not waiting and not schedule.running:
                return
            self._listen(schedule)

    def _hand_out(self, schedule: Schedule) -> list[str]:
        """Give due partitions to idle workers; return artifacts that found none, at most as many as could begin."""
        waiting: list[str] = []
        for node in schedule.ready():
            standing = standing_of(node, self._staleness(), self._store)
            if standing.state == "fresh":
                schedule.finish(node)
                self._summary.fresh.append(node)
                self._display.fresh(node)
                continue
            if self._crew.give(node, Order(node.asset, node.partition, standing.why)) is None:
                waiting.append(node.asset)
                if len(waiting) >= self._crew.room:
                    break
                continue
            schedule.start(node)
            self._begun[node] += 1
            self._display.started(node, standing.why)
        return waiting

    def _listen(self, schedule: Schedule) -> None:
        for worker, message in self._crew.messages():
            if worker.node is None:
                continue  # it ended while it had nothing to do
            if isinstance(message, Advance):
                self._display.advanced(worker.node, message.finished, message.total)
                continue
            node, worker.node = worker.node, None
            if not message.run_id:  # the run was left open
                close_runs(self._instance, self._profile, self._session, node)
            self._settle(schedule, node, message)

    def _settle(self, schedule: Schedule, node: Node, outcome: Outcome) -> None:
        self._standings = None
        if outcome.died and (begun := self._begun[node]) < TRIES:
            schedule.put_back(node)
            self._display.again(node, outcome.error, f"try {begun + 1} of {TRIES}")
        elif outcome.error:
            schedule.fail(node)
            self._summary.failed[node] = outcome.error
            self._display.failed(node, outcome.error)
        else:
            schedule.finish(node)
            self._summary.made.append(node)
            self._display.finished(node, outcome.seconds)

    def _sync_report(self) -> None:
        if any(check.name == "in_sync" for check in self._graph.asset_check_keys):
            self._crew.do(Order(None, None))

    def _record_in_sync(self) -> None:
        known = self._graph.has(dg.AssetKey(REFRESH))
        if known and self._staleness().standing(Node(REFRESH, None)).state != "fresh":
            self._crew.do(Order(REFRESH, None, "everything was made"))
