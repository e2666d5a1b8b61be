"""The runner behind `genprm run`: what is missing or stale is made, partition by partition, and nothing else.

Every partition is a Dagster run of its own on the persistent instance, so the UI shows what the terminal made. Runs
go to a few long-lived processes that keep their engine, because starting a process costs more than most partitions.
"""

from __future__ import annotations

import multiprocessing.connection
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import dagster as dg

from genprm.settings import Profile
from genprm.store import TableStore
from orchestration.dagster_private import AssetGraph
from orchestration.damage import standing_of
from orchestration.recovery import close_runs
from orchestration.schedule import Schedule, parents_within
from orchestration.staleness import Node, Staleness
from orchestration.worker import Advance, Order, Outcome, Worker

TRIES = 3
"""How often a partition is begun when a process dies under it: the worker, a copy of the engine, the sandbox."""

REFRESH = "refresh"
"""The asset that stands for everything being in sync."""

DEFINITIONS = "orchestration.assembly:build_definitions"


class Display(Protocol):
    """Who is shown what happens."""

    def waits(self, node: Node, parent: Node) -> None: ...
    def begin(self, total: int) -> None: ...
    def started(self, node: Node, why: str) -> None: ...
    def advanced(self, node: Node, finished: int, total: int) -> None: ...
    def again(self, node: Node, error: str, tries: str) -> None: ...
    def finished(self, node: Node, seconds: float) -> None: ...
    def fresh(self, node: Node) -> None: ...
    def failed(self, node: Node, error: str, run_id: str) -> None: ...
    def end(self) -> None: ...


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
        display: Display,
        definitions: str = DEFINITIONS,
    ) -> None:
        self._profile = profile
        self._graph = graph
        self._instance = instance
        self._store = store
        self._display = display
        self._definitions = definitions
        self._session = uuid.uuid4().hex[:12]
        self._workers: list[Worker] = []
        self._standings: Staleness | None = None
        self._summary = Summary()
        self._begun: Counter[Node] = Counter()

    def run(self, nodes: Sequence[Node], everything: bool = False) -> Summary:
        """Make what is not fresh. On an interrupt the partitions in hand are closed and the interrupt goes on.

        Args:
            everything: nothing stale is left out, so that all is in sync when nothing fails.

        Raises:
            KeyboardInterrupt: after nothing is left running.
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
            for worker in self._workers:
                worker.interrupt()
            raise
        finally:
            for worker in self._workers:
                worker.close()
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
            self._hand_out(schedule)
            if not schedule.running:
                return
            self._listen(schedule)

    def _hand_out(self, schedule: Schedule) -> None:
        while (node := schedule.ready()) is not None:
            standing = standing_of(node, self._staleness(), self._store)
            if standing.state == "fresh":
                schedule.finish(node)
                self._summary.fresh.append(node)
                self._display.fresh(node)
                continue
            worker = self._idle_worker()
            if worker is None:
                return
            schedule.start(node)
            self._begun[node] += 1
            self._display.started(node, standing.why)
            worker.send(node, Order(node.asset, node.partition, standing.why))

    def _idle_worker(self) -> Worker | None:
        for worker in self._workers:
            if worker.node is None:
                return worker
        if len(self._workers) == self._profile.runner.workers:
            return None
        self._workers.append(Worker(self._profile, self._definitions, self._session))
        return self._workers[-1]

    def _listen(self, schedule: Schedule) -> None:
        busy = {worker.connection: worker for worker in self._workers if worker.node is not None}
        for connection in multiprocessing.connection.wait(list(busy)):
            worker = busy[connection]  # type: ignore[index]  # wait returns what it was given
            assert worker.node is not None
            try:
                message = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                self._workers.remove(worker)
                message = worker.outcome
                close_runs(self._instance, self._profile, self._session, worker.node)
            if isinstance(message, Advance):
                self._display.advanced(worker.node, message.finished, message.total)
            else:
                node, worker.node = worker.node, None
                self._settle(schedule, node, message)

    def _settle(self, schedule: Schedule, node: Node, outcome: Outcome) -> None:
        self._standings = None
        if outcome.died and (begun := self._begun[node]) < TRIES:
            schedule.put_back(node)
            self._display.again(node, outcome.error, f"try {begun + 1} of {TRIES}")
        elif outcome.error:
            schedule.fail(node)
            self._summary.failed[node] = outcome.error
            self._display.failed(node, outcome.error, outcome.run_id)
        else:
            schedule.finish(node)
            self._summary.made.append(node)
            self._display.finished(node, outcome.seconds)

    def _sync_report(self) -> None:
        if any(check.name == "in_sync" for check in self._graph.asset_check_keys):
            self._order(Order(None, None))

    def _record_in_sync(self) -> None:
        known = self._graph.has(dg.AssetKey(REFRESH))
        if known and self._staleness().standing(Node(REFRESH, None)).state != "fresh":
            self._order(Order(REFRESH, None, "everything was made"))

    def _order(self, order: Order) -> None:
        """Have an idle worker do what is no partition, and wait for it."""
        worker = self._idle_worker()
        assert worker is not None
        worker.send(None, order)
        while isinstance(worker.connection.recv(), Advance):
            pass
