"""A wrong step differs from the right one in one thing, and is wrong by Python's own arithmetic."""

from __future__ import annotations

import random
import re

import pytest

from genprm.smol.mistakes import KINDS, Kind, Place, mistaken
from genprm.smol.worked import Calculation, WorkedSolution

NUMBER = re.compile(r"\d*\.?\d+")


def mistakes(solutions: list[WorkedSolution], kind: Kind) -> list[tuple[Calculation, Calculation]]:
    """What is needed and what is claimed, wherever a mistake of this kind can be made in some 700 sentences."""
    rng = random.Random(0)
    places = [
        Place(solution, index)
        for solution in solutions[:200]
        for index, sentence in enumerate(solution.sentences)
        if sentence.calculation is not None
    ]
    wrong = [(place.needed, mistaken(rng, place, kind)) for place in places]
    return [
        (needed, step.calculation) for needed, step in wrong if step is not None and step.calculation is not None
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_one_thing(solutions: list[WorkedSolution], kind: Kind) -> None:
    found = mistakes(solutions, kind)
    assert len(found) > 40

    for needed, claimed in found:
        numbers = [NUMBER.findall(one.expression) for one in (needed, claimed)]
        signs = [re.findall(r"[-+*/]", one.expression) for one in (needed, claimed)]
        changed = sum(a != b for a, b in zip(*numbers, strict=False))
        match kind:
            case "arithmetic":
                assert claimed.expression == needed.expression
                assert claimed.unit == needed.unit
            case "operand":
                assert signs[0] == signs[1]
                assert changed == 1
            case "operation":
                assert numbers[0] == numbers[1]
                assert sum(a != b for a, b in zip(*signs, strict=True)) == 1
            case "omission":
                assert len(numbers[0]) == len(numbers[1]) + 1
            case "unit":
                assert (claimed.expression, claimed.shown) == (needed.expression, needed.shown)
                assert claimed.unit != needed.unit


@pytest.mark.parametrize("kind", ["arithmetic", "operand", "operation", "omission"])
def test_what_is_claimed_is_not_the_right_value(solutions: list[WorkedSolution], kind: Kind) -> None:
    for needed, claimed in mistakes(solutions, kind):
        assert abs(eval(needed.expression) - float(claimed.shown)) > 0.005
        if kind != "arithmetic":
            assert eval(claimed.expression) == pytest.approx(float(claimed.shown), abs=0.005)


def test_a_place_without_a_unit_gets_no_wrong_one(solutions: list[WorkedSolution]) -> None:
    assert all(needed.unit for needed, _ in mistakes(solutions, "unit"))
