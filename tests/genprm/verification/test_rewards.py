"""Rewards by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from genprm.verification.rewards import first_error, read_reward


@pytest.mark.parametrize(
    ("probabilities", "reward", "verdict"),
    [
        ({"Yes": 0.6, "No": 0.2}, 0.75, "Yes"),
        ({"Yes": 0.2, "No": 0.6, "the": 0.1}, 0.25, "No"),
        ({"Yes": 0.30, " Yes": 0.15, "Yes}": 0.15, "No": 0.10, "No}$\n": 0.10}, 0.75, "Yes"),
        ({"Yes": 0.9, "the": 0.06, "a": 0.1}, 0.9375, "Yes"),
        ({"No": 0.95, "the": 0.05}, 0.05, "No"),
        ({"Yes": 0.25, "No": 0.25}, 0.5, "Yes"),
        ({"Yesterday": 0.5, "Nothing": 0.3, "yes": 0.1}, 0.5, "none"),
        ({}, 0.5, "none"),
    ],
)
def test_the_reward_by_hand(probabilities: Mapping[str, float], reward: float, verdict: str) -> None:
    """E.g. 0.6 / (0.6 + 0.2); and 0.9 / (0.9 + 0.06), where the missing No is at most as likely as `the`."""
    measured, word = read_reward({token: math.log(p) for token, p in probabilities.items()})
    assert measured == pytest.approx(reward)
    assert word == verdict


def test_tokens_outside_the_nucleus_may_have_probability_zero() -> None:
    assert read_reward({"Yes": 0.0, "No": -math.inf}) == (1.0, "Yes")


@pytest.mark.parametrize(
    ("values", "threshold", "index"),
    [
        ([0.9, 0.5, 0.499, 0.1], 0.5, 2),
        ([0.9, 0.5], 0.5, -1),
        ([0.9, 0.5], 0.6, 1),
        ([], 0.5, -1),
        ([0.0], 0.0, -1),
    ],
)
def test_the_first_error_is_the_first_reward_below_the_threshold(
    values: list[float], threshold: float, index: int
) -> None:
    assert first_error(values, threshold) == index
