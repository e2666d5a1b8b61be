"""95 % bootstrap intervals, and paired differences between two methods on the same items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
"""Resamples behind an interval unless a profile says otherwise."""


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean F1 (or accuracy) of one way of judging minus that of another on the same cases, in points."""

    points: float
    ci95: Interval


def percentile_interval(resampled: Sequence[float] | Floats) -> Interval:
    """The middle 95 % of resampled values.

    >>> percentile_interval(range(1001))
    Interval(low=25.0, high=975.0)
    """
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(low), float(high))


def paired_difference(
    differences: Sequence[Sequence[float]], scale: float = 100.0, resamples: int = RESAMPLES
) -> Difference:
    """The mean of item-wise differences with its 95 % bootstrap interval.

    Args:
        differences: first method minus second method, item by item, in groups that are resampled together: the
            solutions of one problem are not independent.
        scale: factor of the mean; 100 turns shares into points.

    Raises:
        ValueError: no items.

    >>> paired_difference([[1.0], [0.0]]).points
    50.0
    """
    groups = [group for group in differences if group]
    if not groups:
        raise ValueError("no items to compare; at least one is needed")
    sums = np.array([sum(group) for group in groups], dtype=np.float64)
    sizes = np.array([len(group) for group in groups], dtype=np.float64)
    picks = np.random.default_rng(0).integers(0, len(groups), size=(resamples, len(groups)))
    drawn = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    low, high = percentile_interval(drawn)
    return Difference(scale * float(sums.sum() / sizes.sum()), Interval(scale * low, scale * high))
