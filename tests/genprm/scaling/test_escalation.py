"""Escalation against cases worked out by hand, and its ends: everything cheap, everything dear."""

from __future__ import annotations

import pytest

from genprm.records import Prediction
from genprm.scaling.escalation import escalate, is_sure


def said(case: str, label: int, tokens: int, *paths: list[float]) -> Prediction:
    return Prediction(case, "s", "g", "p", ["a", "b"], True, label, -1, paths[0], list(paths), tokens, 0)


DIRECT = [said("one", 1, 2, [0.99, 0.98]), said("two", 0, 2, [0.4]), said("three", -1, 2, [0.9, 0.6])]
COT = [said("one", 1, 20, [0.9, 0.2]), said("two", 0, 20, [0.05]), said("three", -1, 20, [0.7, 0.99])]
FULL = [
    said("one", 1, 200, [0.9, 0.1], [0.9, 0.1]),
    said("two", 0, 200, [0.01], [0.8, 0.9]),
    said("three", -1, 200, [0.7, 0.6], [0.3]),
]


def test_each_case_ends_in_the_first_mode_that_is_sure() -> None:
    """The first is sure and wrong at once, the second after its analysis, the third not even with code."""
    found = escalate([DIRECT, COT, FULL], tau=0.1)
    assert [case.predictions for case in found.judged] == [(-1, -1), (0, 0), (-1, 0)]
    assert found.tokens == [2, 22, 122]
    assert found.shares == [pytest.approx(1 / 3)] * 3


def test_at_one_half_everything_is_cheap_and_below_everything_is_dear() -> None:
    cheap = escalate([DIRECT, COT, FULL], tau=0.5)
    assert (cheap.tokens, cheap.shares) == ([2, 2, 2], [1, 0, 0])
    dear = escalate([DIRECT, COT, FULL], tau=0.0)
    assert dear.shares == [0, 0, 1]
    assert [case.predictions for case in dear.judged] == [(1, 1), (0, -1), (-1, 0)]
    assert dear.tokens == [122, 122, 122]


def test_rewards_after_the_first_error_do_not_count() -> None:
    assert is_sure([1.0, 0.0, 0.5], tau=0.01)
    assert not is_sure([0.5, 0.0], tau=0.01)


def test_different_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="same cases"):
        escalate([DIRECT, COT[::-1]], tau=0.1)
    with pytest.raises(ValueError, match="same cases"):
        escalate([], tau=0.1)
