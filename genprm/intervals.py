"""How sure a difference between two ways is that were tried on the same items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genprm.evaluation.metrics import RESAMPLES, Difference, Interval


def paired_difference(
    differences: Sequence[Sequence[float]], scale: float = 100.0, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """The mean of item-wise differences with its 95 % bootstrap interval.

    Args:
        differences: first way minus second way, item by item, in groups that are drawn together: the solutions of
            one problem are no independent witnesses.
        scale: what the mean is multiplied with; 100 turns shares into points.

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
    picks = np.random.default_rng(seed).integers(0, len(groups), size=(resamples, len(groups)))
    drawn = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Difference(scale * float(sums.sum() / sizes.sum()), Interval(scale * float(low), scale * float(high)))
