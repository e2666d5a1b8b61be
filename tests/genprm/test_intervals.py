"""Paired differences against all draws there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from genprm.intervals import paired_difference


def test_the_interval_is_that_of_all_possible_draws() -> None:
    groups = [[1.0, 0.0], [-1.0], [1.0, 1.0, 0.0], [0.0]]
    draws = []
    for picks in itertools.product(range(4), repeat=4):
        items = [value for pick in picks for value in groups[pick]]
        draws.append(100 * sum(items) / len(items))
    found = paired_difference(groups, resamples=40_000)
    assert found.points == pytest.approx(100 * 2 / 7)
    low, high = np.percentile(draws, [2.5, 97.5])
    assert found.ci95 == pytest.approx((low, high), abs=4.0)


def test_equal_ways_differ_by_nothing() -> None:
    found = paired_difference([[0.0], [0.0, 0.0]])
    assert (found.points, *found.ci95) == (0.0, 0.0, 0.0)


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="no items"):
        paired_difference([[], []])
