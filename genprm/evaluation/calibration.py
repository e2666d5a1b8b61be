"""Calibration of step rewards: of the steps with a reward of 0.8, are 80 % right?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from genprm.intervals import Floats
from genprm.records import NO_ERROR

BINS = 10
Binning = Literal["width", "mass"]
"""Bins that are equally wide (Guo et al., arXiv 1706.04599), or whose edges are quantiles of the rewards, so that
they hold about equally many steps (Nixon et al., arXiv 1904.01685). Saturated rewards fill one equally wide bin."""


@dataclass(frozen=True, slots=True)
class LabelledRewards:
    """Rewards of steps in [0, 1], shape (steps,), and whether each step is right, shape (steps,).

    Raises:
        ValueError: the shapes differ, there are no steps, or a reward is not in [0, 1].
    """

    rewards: Floats
    right: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.rewards.ndim != 1 or self.rewards.shape != self.right.shape or not self.rewards.size:
            raise ValueError(
                f"rewards and labels have shapes {self.rewards.shape} and {self.right.shape}, "
                "allowed: one dimension, alike, not empty"
            )
        outside = self.rewards[~((self.rewards >= 0) & (self.rewards <= 1))]
        if outside.size:
            raise ValueError(f"a reward is {float(outside[0])}, allowed: a number from 0 to 1")


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The steps whose rewards fall into one bin: how many, their mean reward, and the share that is right."""

    steps: int
    mean_reward: float
    share_right: float


class RewardedCase(Protocol):
    """A benchmark case with the rewards of its steps; `genprm.records.Prediction` is one."""

    @property
    def label(self) -> int: ...
    @property
    def rewards(self) -> Sequence[float]: ...


def labelled_rewards(cases: Iterable[RewardedCase]) -> LabelledRewards:
    """The steps of benchmark cases that have a reward and a label.

    Steps before the first wrong step are right, that step is wrong, and steps behind it have no label. A case whose
    judging ended earlier counts as far as it was judged.

    Raises:
        ValueError: there are no such steps.
    """
    rewards: list[float] = []
    right: list[bool] = []
    for case in cases:
        labelled = len(case.rewards) if case.label == NO_ERROR else case.label + 1
        for step, reward in enumerate(case.rewards[:labelled]):
            rewards.append(reward)
            right.append(step != case.label)
    return LabelledRewards(np.array(rewards, dtype=np.float64), np.array(right, dtype=np.bool_))


def reliability_curve(
    labelled: LabelledRewards, binning: Binning = "mass", bins: int = BINS
) -> list[ReliabilityBin]:
    """Mean reward and share of right steps by bins of rewards, lowest first, empty bins left out.

    A reward on the edge of two bins belongs to the lower one, and equal rewards are in the same bin.

    Raises:
        ValueError: fewer than one bin.

    >>> steps = LabelledRewards(np.array([0.1, 0.2, 0.9, 0.9]), np.array([False, True, True, True]))
    >>> [(bin.steps, round(bin.mean_reward, 2), bin.share_right) for bin in reliability_curve(steps, "width", 2)]
    [(2, 0.15, 0.5), (2, 0.9, 1.0)]
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}, allowed: a whole number from 1")
    shares = np.linspace(0.0, 1.0, bins + 1)
    edges = shares if binning == "width" else np.quantile(labelled.rewards, shares)
    numbers = np.searchsorted(edges[1:-1], labelled.rewards)
    members = [numbers == number for number in range(bins)]
    return [
        ReliabilityBin(int(one.sum()), float(labelled.rewards[one].mean()), float(labelled.right[one].mean()))
        for one in members
        if one.any()
    ]


def expected_calibration_error(curve: Sequence[ReliabilityBin]) -> float:
    """Mean distance of reward and share of right steps over the bins, each with the weight of its steps; in [0, 1].

    Source: Guo et al., arXiv 1706.04599, eq. 3, with the reward of a step as the confidence that it is right.

    Raises:
        ValueError: no bins.

    >>> round(expected_calibration_error([ReliabilityBin(2, 0.15, 0.5), ReliabilityBin(2, 0.9, 1.0)]), 3)
    0.225
    """
    if not curve:
        raise ValueError("a reliability curve has no bins; at least one is needed")
    steps = sum(one.steps for one in curve)
    return sum(one.steps * abs(one.mean_reward - one.share_right) for one in curve) / steps
