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
"""How often in a row a crew as a whole may be started without anybody who gets ready."""


class Member(Protocol):
    """The near end of a worker. `ready` is false until it has a place; orders are for those that have one, so that
    no partition waits for a place while others idle."""

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
    """At most `limit` workers. `start` makes one, `needs` says what an artifact needs of it."""

    def __init__(self, limit: int, start: Callable[[Needs], Member], needs: Callable[[str | None], Needs]) -> None:
        self._limit = limit
        self._start = start
        self._needs = needs
        self._members: list[Member] = []
        self._never_ready = 0

    @property
    def room(self) -> int:
        """How many more could work on something than do now."""
        return self._limit - sum(member.node is not None for member in self._members)

    def give(self, node: Node | None, order: Order) -> Member | None:
        """Have an idle worker do an order, who it is; None when nobody idle has what it needs.

        A worker with more than that is fit, too: that is cheaper than to end it and to start another.
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
        """Start workers for orders that nobody idle is fit for; whether one of them is ready at once.

        Those who are fit for none of them make room first: what they hold may be what the others wait for.
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
        """What workers say next, which is waited for. Of one that has ended it is the outcome, and it is gone.

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
        """Have an order done that is about no partition, and wait for its end."""
        while (worker := self.give(None, order)) is None:
            if not self.summon([order.artifact]):
                list(self.messages())
        while not any(member is worker and isinstance(said, Outcome) for member, said in self.messages()):
            pass

    def stop(self, awaits: Callable[[Node], None]) -> None:
        """Ask everybody to stop and close what they opened; who is in a training may take the time to save its
        state, and `awaits` is told what is waited for. An interrupt meanwhile is passed on and ends the wait.
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
    """The crew that a profile asks for; nobody is started yet. `definitions` is as for a `Runner`."""
    if profile.runner.backend == "local":
        return Crew(profile.runner.workers, lambda _: Worker(profile, definitions, session), lambda _: Needs())

    def on_the_cluster(needs: Needs) -> Member:
        from orchestration.ray_worker import RayWorker

        return RayWorker(profile, definitions, session, needs)

    return Crew(profile.runner.workers, on_the_cluster, lambda artifact: needs_of(artifact, profile))
