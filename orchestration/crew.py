"""The workers of a run, wherever they are: started when there is something to do, closed together."""

from __future__ import annotations

import multiprocessing.connection
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Protocol

from genprm.hardware.cluster import ClusterError
from genprm.settings import Profile
from orchestration.needs import Needs, needs_of, trains
from orchestration.staleness import Node
from orchestration.worker import Advance, Order, Outcome, Ready, Refused, Worker

STARTS = 3
"""How many times in a row a whole crew may be started without any worker becoming ready."""


class Member(Protocol):
    """The runner's handle on a worker. `ready` is false until the worker has a place. Only ready workers are given
    orders, so that no partition waits for a place while other workers idle."""

    needs: Needs
    node: Node | None
    ready: bool
    connection: Connection

    def send(self, node: Node | None, order: Order) -> None: ...
    @property
    def outcome(self) -> Outcome: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class Crew:
    """At most `limit` workers. `start` makes one, `needs` says what an artifact needs of a worker."""

    def __init__(self, limit: int, start: Callable[[Needs], Member], needs: Callable[[str | None], Needs]) -> None:
        self._limit = limit
        self._start = start
        self._needs = needs
        self._members: list[Member] = []
        self._never_ready = 0

    @property
    def room(self) -> int:
        """How many more workers could be busy than are now."""
        return self._limit - sum(member.node is not None for member in self._members)

    def give(self, node: Node | None, order: Order) -> Member | None:
        """Give an order to an idle worker and return that worker; None when no idle one has what the order needs.

        A worker with more than that is used, too: that is cheaper than ending it and starting another.
        """
        needs = self._needs(order.artifact)
        fit = [one for one in self._members if one.ready and one.node is None and one.needs.cover(needs)]
        for member in sorted(fit, key=lambda one: one.needs != needs):
            try:
                member.send(node, order)
            except BrokenPipeError:  # it has ended since its last order
                self._dismiss(member)
            else:
                return member
        return None

    def summon(self, artifacts: Sequence[str | None]) -> bool:
        """Start workers for orders that no idle worker can do; return whether one of them is ready at once.

        Idle workers that can do none of these orders are ended first: new ones may need the resources they hold.
        """
        waiting = Counter(self._needs(artifact) for artifact in artifacts)
        for member in list(self._members):
            if member.node is None and not any(member.needs.cover(needs) for needs in waiting):
                self._dismiss(member)
        coming = Counter(member.needs for member in self._members if not member.ready)
        started = []
        for needs in (waiting - coming).elements():
            if len(self._members) == self._limit:
                break
            started.append(self._start(needs))
            self._members.append(started[-1])
        return any(member.ready for member in started)

    def messages(self) -> Iterator[tuple[Member, Advance | Outcome]]:
        """Wait for the next messages of workers, and yield them. A worker that has ended yields its outcome and
        leaves the crew.

        Raises:
            ClusterError: a worker cannot work where it was placed, or will find no place; or none gets ready.
        """
        by = {member.connection: member for member in self._members}
        for connection in multiprocessing.connection.wait(list(by)):
            member = by[connection]  # type: ignore[index]  # wait returns what it was given
            try:
                message = member.connection.recv()
            except (EOFError, ConnectionResetError):
                outcome = member.outcome
                self._dismiss(member)
                if not member.ready:
                    self._count_never_ready(outcome)
                yield member, outcome
                continue
            if isinstance(message, Refused):
                raise ClusterError(message.why)
            if isinstance(message, Ready):
                member.ready = True
                self._never_ready = 0
            else:
                yield member, message

    def do(self, order: Order) -> None:
        """Have a worker do an order that is about no partition, and wait until it is done."""
        while (worker := self.give(None, order)) is None:
            if not self.summon([order.artifact]):
                list(self.messages())
        while not any(member is worker and isinstance(said, Outcome) for member, said in self.messages()):
            pass

    def stop(self, awaits: Callable[[Node], None]) -> None:
        """Ask all workers to stop and close what they opened. A worker that trains may take the time to save its
        state; `awaits` is called with its node. An interrupt meanwhile is passed on and ends the wait.
        """
        self._interrupt()
        try:
            for member in list(self._members):
                if member.node is not None and trains(member.node.asset):
                    awaits(member.node)
                else:
                    self._dismiss(member)
            while any(member.node is not None for member in self._members):
                for member, said in self.messages():
                    if isinstance(said, Outcome):
                        member.node = None
        except BaseException:
            self._interrupt()
            raise

    def close(self) -> None:
        """End all workers. An interrupt meanwhile kills the one that is waited for; the others are still ended."""
        with ExitStack() as left:
            for member in list(self._members):
                left.callback(self._dismiss, member)

    def _count_never_ready(self, outcome: Outcome) -> None:
        self._never_ready += 1
        if self._never_ready == STARTS * self._limit:
            raise ClusterError(
                f"a worker cannot start on the cluster: {outcome.error} ({self._never_ready} in a row ended so)"
            )

    def _interrupt(self) -> None:
        for member in self._members:
            member.interrupt()

    def _dismiss(self, member: Member) -> None:
        self._members.remove(member)
        member.close()


def crew_of(profile: Profile, definitions: str, session: str) -> Crew:
    """The crew that a profile asks for; no worker is started yet. `definitions` is as for a `Runner`."""
    if profile.runner.backend == "local":
        return Crew(profile.runner.workers, lambda _: Worker(profile, definitions, session), lambda _: Needs())

    def on_the_cluster(needs: Needs) -> Member:
        from orchestration.ray_worker import RayWorker

        return RayWorker(profile, definitions, session, needs)

    return Crew(profile.runner.workers, on_the_cluster, lambda artifact: needs_of(artifact, profile))
