"""Workers on the nodes of a Ray cluster: each is an actor that starts the same worker process as used locally.

The actor holds the resources that its artifacts need. It only passes messages on: orders to the process, and what
the process says to the runner. Ray reports when the actor is lost with its node.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from genprm.hardware.cluster import ClusterError, cluster_nodes, join_cluster
from genprm.settings import Profile, RunnerSettings, home
from orchestration.fence import hold, is_free, new_fence
from orchestration.home import handed_on
from orchestration.needs import Needs
from orchestration.staleness import Node
from orchestration.worker import STOP_SECONDS, Advance, Order, Outcome, Ready, Refused, Worker

LOOK_SECONDS = 5.0
"""Seconds after which a worker that waits for a place checks again that a node could have one."""
FENCE_SECONDS = 150.0
"""How long a lost worker may hold its fence: a network file server notices a dead machine within 90 s."""
BESIDE = "beside"
"""Ray's concurrency group for calls that do not wait for the work in hand."""


@dataclass(frozen=True, slots=True)
class LastWord:
    """The outcome of an order during which the process ended."""

    outcome: Outcome


class WorkerActor:
    """The actor on a node, which owns the worker process there."""

    def __init__(
        self, profile: Profile, definitions: str, session: str, environment: Mapping[str, str], fence: str
    ) -> None:
        os.environ.update(environment)
        self._has_home = Path(fence).exists()
        if self._has_home:
            self._fence = hold(Path(fence))
            # The process dies with the thread that started it. This one lasts; methods are called in others.
            self._worker = Worker(profile, definitions, session)

    def place(self) -> tuple[str, bool]:
        """The address of the node, and whether it sees the home of the run."""
        return ray.util.get_node_ip_address(), self._has_home

    def work(self, order: Order) -> Iterator[Advance | Outcome | LastWord]:
        """Send an order to the process, and yield what it says up to the outcome."""
        said = None
        try:
            self._worker.send(None, order)
            while not isinstance(said, Outcome):
                said = self._worker.connection.recv()
                if isinstance(said, Advance) and self._worker.connection.poll():
                    continue  # a newer message is already there
                yield said
        except (EOFError, ConnectionResetError, BrokenPipeError):
            yield LastWord(self._worker.outcome)

    def interrupt(self) -> None:
        """Ask the partition in hand to stop."""
        self._worker.interrupt()

    def close(self) -> None:
        """End the process."""
        self._worker.close()


class RayWorker:
    """The runner's handle on a worker on some node. Its `connection` ends like that of a local process.

    Raises:
        ClusterError: no cluster can be joined, or no node of it has what is needed.
    """

    def __init__(self, profile: Profile, definitions: str, session: str, needs: Needs) -> None:
        join_cluster()
        if lack := lacking(needs):
            raise ClusterError(lack)
        self.needs = needs
        self.node: Node | None = None
        self.ready = False
        self.outcome = Outcome("", 0.0, "its worker was given up")
        self.connection, far = multiprocessing.Pipe()
        self._address = ""
        self._fence = new_fence()
        local = profile.model_copy(update={"runner": RunnerSettings()})
        actor: Any = ray.remote(concurrency_groups={BESIDE: 1})(WorkerActor)
        self._actor = actor.options(num_cpus=needs.cpus, num_gpus=needs.gpus, scheduling_strategy="SPREAD").remote(
            local, definitions, session, handed_on(), str(self._fence)
        )
        self._thread = threading.Thread(target=self._pass_on, args=(far,), name="genprm-ray-worker", daemon=True)
        self._thread.start()

    def send(self, node: Node | None, order: Order) -> None:
        """Start an order; its `Advance`s and its `Outcome` come through `connection`."""
        self.node = node
        self.connection.send(order)

    def interrupt(self) -> None:
        """Ask the partition in hand to stop and close what it opened."""
        if self.ready:
            self._actor.interrupt.options(concurrency_group=BESIDE).remote()

    def close(self) -> None:
        """End the worker: it finishes closing its engine, and is killed when that takes too long or an interrupt
        comes."""
        self.connection.close()
        try:
            if self.ready:
                with suppress(GetTimeoutError, RayActorError):
                    ray.get(self._actor.close.remote(), timeout=STOP_SECONDS)
        finally:
            ray.kill(self._actor)
            self._thread.join(LOOK_SECONDS)
            self._fence.unlink(missing_ok=True)

    def _pass_on(self, far: Connection) -> None:
        """Pass messages between the runner, at the other end of `far`, and the actor, until one of them is gone."""
        with far, suppress(EOFError, OSError):  # the runner has closed its end
            try:
                if refusal := self._refusal():
                    far.send(Refused(refusal))
                    return
                far.send(Ready())
                while self._goes_on(far.recv(), far):
                    pass
            except RayActorError as error:
                self.outcome = self._lost(error)

    def _refusal(self) -> str:
        """Wait for a place on a node; return why the worker cannot have one or work there, empty if it can."""
        placed = self._actor.place.remote()
        while not ray.wait([placed], timeout=LOOK_SECONDS)[0]:
            if lack := lacking(self.needs):  # nodes have gone since
                return lack
        self._address, has_home = ray.get(placed)
        if has_home:
            return ""
        return (
            f"GENPRM_HOME is {home()}, which node {self._address} does not see, allowed: one that all nodes share"
        )

    def _goes_on(self, order: Order, far: Connection) -> bool:
        """Pass on what is said about an order; return whether the process is still alive afterwards."""
        for part in self._actor.work.remote(order):
            said = ray.get(part)
            if isinstance(said, LastWord):
                self.outcome = said.outcome
                return False
            far.send(said)
        return True

    def _lost(self, error: RayActorError) -> Outcome:
        """The outcome of the order in hand, which may begin again once nobody works on it any more. A worker that
        was never ready had no order: its outcome gives the cause, which is the last line of Ray's error."""
        ray.kill(self._actor)
        if not self.ready:
            return Outcome("", 0.0, str(error).strip().rpartition("\n")[2])
        lost = f"its worker on {self._address} was lost"
        if is_free(self._fence, FENCE_SECONDS):
            return Outcome("", 0.0, lost, died=True)
        return Outcome("", 0.0, f"{lost}, and still works there: it holds {self._fence}")


def lacking(needs: Needs) -> str:
    """One line that says that no node of the cluster has what is needed; empty where one has."""
    nodes = cluster_nodes()
    if any(node.gpus >= needs.gpus and node.cpus >= needs.cpus for node in nodes):
        return ""
    have = "; ".join(map(str, nodes))
    hint = " (runner.gpus=false asks for none)" if needs.gpus else ""
    return f"the work needs {needs}{hint}, allowed: what a node of the Ray cluster has, {have}"
