"""The order of work, on a diamond: a -> (b, c) -> d, and e on its own."""

from __future__ import annotations

from orchestration.schedule import Schedule
from orchestration.staleness import Node

A, B, C, D, E = (Node(name, None) for name in "abcde")
PARENTS = {A: [], B: [A], C: [A], D: [B, C], E: []}


def test_a_node_waits_for_all_that_it_is_made_from() -> None:
    schedule = Schedule([A, B, C, D, E], PARENTS)
    assert list(schedule.ready()) == [A, E]
    schedule.start(A)
    assert list(schedule.ready()) == [E], "while a is being made only e can be"
    schedule.start(E)
    assert list(schedule.ready()) == []
    schedule.finish(A)
    assert list(schedule.ready()) == [B, C]
    schedule.start(B)
    schedule.finish(B)
    schedule.start(C)
    assert list(schedule.ready()) == []
    schedule.finish(C)
    assert list(schedule.ready()) == [D]


def test_a_failure_gives_up_what_is_downstream_and_nothing_else() -> None:
    schedule = Schedule([A, B, C, D, E], PARENTS)
    schedule.start(A)
    schedule.finish(A)
    schedule.start(B)
    schedule.fail(B)
    assert schedule.skipped == {D}
    assert list(schedule.ready()) == [C, E]


def test_what_becomes_ready_while_one_looks_is_seen() -> None:
    schedule = Schedule([A, B, C, D, E], PARENTS)
    seen = []
    for node in schedule.ready():
        seen.append(node)
        schedule.finish(node)
    assert seen == [A, B, C, D, E]
