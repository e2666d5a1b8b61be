"""Prompts go where they were read, and work stays even."""

from __future__ import annotations

import random
from collections import Counter

from genprm.engines.copies.routing import SLACK, PrefixRouter


def story(number: int) -> str:
    return f"Problem {number}: " + "Sam has 5 keys and gives Tom 3 of them. " * 10


def test_a_conversation_stays_where_it_began() -> None:
    router, draw = PrefixRouter(), random.Random(0)
    homes: dict[int, int] = {}
    for turn in range(4):
        for number in draw.sample(range(40), 40):
            loads = [draw.randint(0, SLACK) for _ in range(3)]
            chosen = router.choose(story(number) + "Yes. " * 30 * turn, loads)
            assert homes.setdefault(number, chosen) == chosen
    assert set(homes.values()) == {0, 1, 2}


def test_no_copy_gets_far_more_than_another_whatever_it_knows() -> None:
    router, loads = PrefixRouter(), [0, 0]
    for _ in range(100):
        loads[router.choose(story(1), loads)] += 1
    assert max(loads) <= min(loads) * 1.25 + SLACK + 1


def test_prompts_with_a_common_beginning_only_go_where_there_is_least_to_do() -> None:
    router = PrefixRouter()
    system = "Judge each step by itself. " * 10
    counts = Counter(
        router.choose(system + story(number) + f"Step {number}" * 40, [number % 2, 1 - number % 2])
        for number in range(20)
    )
    assert counts == {0: 10, 1: 10}


def test_a_short_prompt_goes_where_there_is_least_to_do() -> None:
    assert PrefixRouter().choose("2 + 2", [4, 1, 3]) == 1
