"""A crew whose workers need different things, without processes: who is started, who is given what."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest

from genprm.hardware.cluster import ClusterError
from orchestration.crew import Crew
from orchestration.needs import Needs
from orchestration.staleness import Node
from orchestration.worker import Advance, Order, Outcome, Ready, Refused

PLAIN, GPU, TWO = Needs(), Needs(gpus=1), Needs(gpus=2)
NEEDS = {"labels": PLAIN, "solutions": GPU, "checkpoints": TWO}


class FakeMember:
    """A worker at whose far end the test stands."""

    outcome = Outcome("", 0.0, "it was lost", died=True)

    def __init__(self, needs: Needs) -> None:
        self.needs, self.node, self.ready, self.closed = needs, None, False, False
        self.interrupts = 0
        self.last_words: list[Advance | Outcome] = []
        self.connection, self.far = multiprocessing.Pipe()

    def send(self, node: Node | None, order: Order) -> None:
        self.node = node
        self.connection.send(order)

    def interrupt(self) -> None:
        self.interrupts += 1
        for word in self.last_words:
            self.far.send(word)

    def close(self) -> None:
        self.closed = True


class FakeCluster:
    """Starts members, and places them when told."""

    def __init__(self, limit: int) -> None:
        self.started: list[FakeMember] = []
        self.crew = Crew(limit, self.start, lambda artifact: NEEDS.get(artifact, PLAIN))

    def start(self, needs: Needs) -> FakeMember:
        self.started.append(FakeMember(needs))
        return self.started[-1]

    def place(self, member: FakeMember) -> None:
        member.far.send(Ready())
        assert list(self.crew.messages()) == []

    def give(self, artifact: str) -> Any:
        return self.crew.give(Node(artifact, "0"), Order(artifact, "0"))

    def work(self, *artifacts: str) -> list[FakeMember]:
        """A worker for each, which begins."""
        self.crew.summon(artifacts)
        for member in self.started:
            self.place(member)
        return [self.give(artifact) for artifact in artifacts]


def test_an_order_waits_for_a_place_while_nobody_holds_it() -> None:
    cluster = FakeCluster(2)
    assert cluster.give("solutions") is None
    assert not cluster.crew.summon(["solutions", "solutions", "solutions"])
    first, second = cluster.started
    assert not cluster.crew.summon(["solutions", "solutions"]), "those are on their way"
    assert cluster.give("solutions") is None

    cluster.place(second)
    assert cluster.give("solutions") is second
    assert cluster.give("solutions") is None
    assert not cluster.crew.summon(["solutions"])
    assert cluster.started == [first, second]
    assert not first.closed


def test_a_worker_with_more_is_fit_and_one_with_less_makes_room() -> None:
    cluster = FakeCluster(2)
    cluster.crew.summon(["labels", "solutions"])
    plain, gpu = cluster.started
    cluster.place(plain)
    cluster.place(gpu)
    assert cluster.give("labels") is plain, "the exact one goes first"
    assert cluster.give("labels") is gpu
    plain.node = gpu.node = None

    assert cluster.give("checkpoints") is None
    cluster.crew.summon(["checkpoints"])
    assert plain.closed
    assert gpu.closed
    assert [member.needs for member in cluster.started[2:]] == [TWO]


def test_one_that_is_on_its_way_for_what_nobody_waits_for_makes_room() -> None:
    cluster = FakeCluster(1)
    cluster.crew.summon(["solutions"])
    cluster.crew.summon(["checkpoints"])
    solutions, checkpoints = cluster.started
    assert (solutions.closed, checkpoints.closed) == (True, False)


def test_one_that_ended_is_gone_with_its_outcome() -> None:
    cluster = FakeCluster(1)
    cluster.crew.summon(["solutions"])
    (worker,) = cluster.started
    cluster.place(worker)
    cluster.give("solutions")
    worker.far.send(Advance(1, 2))
    assert list(cluster.crew.messages()) == [(worker, Advance(1, 2))]
    worker.far.close()
    assert list(cluster.crew.messages()) == [(worker, FakeMember.outcome)]
    assert worker.closed
    assert cluster.crew.room == 1


def test_an_idle_one_that_ended_is_not_given_anything() -> None:
    cluster = FakeCluster(1)
    cluster.crew.summon(["solutions"])
    (worker,) = cluster.started
    cluster.place(worker)
    worker.far.close()
    assert cluster.give("solutions") is None
    assert worker.closed


def test_what_goes_for_all_ends_the_run() -> None:
    cluster = FakeCluster(2)
    cluster.crew.summon(["solutions"])
    cluster.started[0].far.send(Refused("no node has it"))
    with pytest.raises(ClusterError, match="no node has it"):
        list(cluster.crew.messages())


def test_a_training_saves_its_state_before_its_worker_ends_and_nothing_else_is_waited_for() -> None:
    cluster = FakeCluster(3)
    sampling, training, lost = cluster.work("solutions", "checkpoints", "checkpoints")
    training.last_words = [Advance(2, 3), Outcome("run", 1.0, "interrupted")]
    lost.last_words = [Advance(1, 3)]
    lost.interrupt()
    lost.far.close()
    lost.last_words = []
    awaited: list[Node] = []
    cluster.crew.stop(awaited.append)
    assert awaited == [Node("checkpoints", "0")] * 2
    assert (sampling.closed, lost.closed, training.closed) == (True, True, False)
    assert not training.connection.poll(), "all that it said was heard"
    cluster.crew.close()
    assert training.closed


def test_a_second_interrupt_is_passed_on_and_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(1)
    (training,) = cluster.work("checkpoints")

    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(multiprocessing.connection, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cluster.crew.stop(lambda _: None)
    assert training.interrupts == 2


def test_all_are_ended_when_an_interrupt_comes_while_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(3)
    first, second, third = cluster.work("solutions", "labels", "checkpoints")

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(second, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cluster.crew.close()
    assert first.closed
    assert third.closed


def never_ready(cluster: FakeCluster, times: int) -> None:
    """As often as given, a worker ends before it has a place, and another one is asked for."""
    for _ in range(times):
        assert not cluster.crew.summon(["solutions"])
        cluster.started[-1].far.close()
        list(cluster.crew.messages())


def test_workers_that_never_get_ready_end_the_run_with_their_cause() -> None:
    cluster = FakeCluster(1)
    never_ready(cluster, 2)
    with pytest.raises(ClusterError, match=r"^a worker cannot start on the cluster: it was lost \(3 in a row"):
        never_ready(cluster, 1)
    assert all(member.closed for member in cluster.started)


def test_a_worker_that_gets_ready_lets_others_try_again() -> None:
    cluster = FakeCluster(1)
    never_ready(cluster, 2)
    cluster.crew.summon(["solutions"])
    cluster.place(cluster.started[-1])
    cluster.crew.summon(["checkpoints"])
    cluster.started[-1].far.close()
    list(cluster.crew.messages())
    never_ready(cluster, 1)


def test_every_worker_of_a_larger_crew_may_try_as_often() -> None:
    cluster = FakeCluster(2)
    never_ready(cluster, 5)
    with pytest.raises(ClusterError, match="cannot start"):
        never_ready(cluster, 1)
