"""Maj@N and Pass@1: what N verification paths over one solution add up to (paper 4.3)."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from genprm.verifier import first_error


class PassAt1(NamedTuple):
    """A metric over single paths: its mean, its sample standard deviation (0 for one path) and each value."""

    mean: float
    spread: float
    values: list[float]


def majority_rewards(paths: Sequence[Sequence[float]]) -> list[float]:
    """Maj@N: the reward of step t is the mean over the N paths, r_t = (1/N) sum_i r_t^i (paper eq. 7).

    Each path i has its own history of analyses and code outputs (eq. 6). "Majority" is the paper's word: rewards
    are averaged, answers and error positions are not voted on. A path that stopped at its first error has no later
    rewards: a later step is the mean over the paths that still judge it.

    Args:
        paths: rewards per step, one sequence a path, each in [0, 1]; lengths may differ.

    Returns:
        One reward per step, as many as the longest path has.

    Raises:
        ValueError: no paths.

    >>> majority_rewards([[0.75, 0.5], [0.25]])
    [0.5, 0.5]
    """
    if not paths:
        raise ValueError("no verification paths to vote over; at least one is needed")
    length = max(len(path) for path in paths)
    return [statistics.fmean(path[t] for path in paths if len(path) > t) for t in range(length)]


def majority_first_error(paths: Sequence[Sequence[float]], threshold: float = 0.5) -> int:
    """Maj@N's prediction: 0-based index of the first step whose mean reward is below `threshold`, else -1."""
    return first_error(majority_rewards(paths), threshold)


def pass_at_1(
    cases: Sequence[Sequence[Sequence[float]]],
    metric: Callable[[list[int]], float],
    threshold: float = 0.5,
) -> PassAt1:
    """Pass@1: the metric of each single path (eq. 6 with N = 1), averaged over the N paths that were drawn.

    Args:
        cases: for every case its N paths, for every path its reward per step.
        metric: from one prediction per case (0-based first error, -1 for none), in order, to a number.
        threshold: a step is wrong when its reward is below this.

    Raises:
        ValueError: no cases, or cases that differ in the number of paths.
    """
    counts = {len(paths) for paths in cases}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"every case needs the same number of paths, at least one; got {sorted(counts)}")
    (count,) = counts
    values = [metric([first_error(paths[i], threshold) for paths in cases]) for i in range(count)]
    return PassAt1(statistics.fmean(values), statistics.stdev(values) if count > 1 else 0.0, values)
