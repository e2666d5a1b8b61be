"""The order of work, on a diamond: a -> (b, c) -> d, and e on its own."""

from __future__ import annotations

from orchestration.schedule import Schedule
from orchestration.staleness import Node

A, B, C, D, E = (Node(name, None) for name in "abcde")
PARENTS = {A: [], B: [A], C: [A], D: [B, C], E: []}


def test_a_node_waits_for_all_that_it_is_made_from() -> None:
    schedule = Schedule([A, B, C, D, E], PARENTS)
    assert schedule.ready() == A
    schedule.start(A)
    assert schedule.ready() == E, "while a is being made only e can be"
    schedule.start(E)
    assert schedule.ready() is None
    schedule.finish(A)
    assert schedule.ready() == B
    schedule.start(B)
    schedule.finish(B)
    schedule.start(C)
    assert schedule.ready() is None
    schedule.finish(C)
    assert schedule.ready() == D


def test_a_failure_gives_up_what_is_downstream_and_nothing_else() -> None:
    schedule = Schedule([A, B, C, D, E], PARENTS)
    schedule.start(A)
    schedule.finish(A)
    schedule.start(B)
    schedule.fail(B)
    assert schedule.skipped == {D}
    assert schedule.ready() == C
