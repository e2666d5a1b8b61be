"""Estimators of step labels: the progress of each step, and the progress at which a step counts as right.

A new estimator is one file in any installed package: a subclass of `LabelEstimator`, an instance of it, and an
entry point of the group `genprm.label_estimators` that names the instance.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod

from genprm.records import StepScores

ROUNDING = 1e-9
"""Tolerance of the threshold: scores are floats, and 0.7 - 0.8 must still count as -0.1."""


class LabelEstimator(ABC):
    """One way from the Monte-Carlo scores of a solution to the labels of its steps."""

    name: str
    """Its name in settings, tables and entry points."""
    default_epsilon: float | None = None
    """The default threshold; None where no default fits."""
    has_threshold: bool = True
    """Whether labels depend on epsilon."""
    reads_rollouts: bool = False
    """Whether progress depends on how many rollouts are behind each score (`StepScores.rollouts`)."""

    @abstractmethod
    def progress(self, scores: StepScores) -> list[float]:
        """Progress P_t of every step. In `scores.mc` everything after the first 0 is 0."""

    def threshold(self, epsilon: float) -> float:
        """The threshold on progress where the settings say `epsilon`."""
        return epsilon if self.has_threshold else 0.0

    def label(self, progress: float, epsilon: float) -> int:
        """1 where this progress makes a step right, else 0."""
        return int(progress >= epsilon - ROUNDING) if self.has_threshold else int(progress > 0)

    def rule(self, epsilon: float) -> str:
        """The condition for a right step, as people read it."""
        return f"{self.name} >= {epsilon:g}" if self.has_threshold else f"{self.name} > 0"


class Ratio(LabelEstimator):
    """MC(s_t, a_t) / MC(s_t), in [0, inf): relative progress (paper 4.2)."""

    name = "ratio"
    default_epsilon = 0.8

    def progress(self, scores: StepScores) -> list[float]:
        """MC after each step over MC before it; MC(s_1) is Pass@1."""
        return [_ratio(b, a) for b, a in zip(scores_before(scores), scores.mc, strict=True)]


class Difference(LabelEstimator):
    """MC(s_t, a_t) - MC(s_t), in [-1, 1] (paper table 3)."""

    name = "difference"

    def progress(self, scores: StepScores) -> list[float]:
        """MC after each step minus MC before it."""
        return [a - b for b, a in zip(scores_before(scores), scores.mc, strict=True)]


class Hard(LabelEstimator):
    """MC(s_t, a_t) itself: a step is right when any rollout after it reaches the answer."""

    name = "hard"
    has_threshold = False

    def progress(self, scores: StepScores) -> list[float]:
        """MC after each step."""
        return list(scores.mc)

    def rule(self, epsilon: float) -> str:
        """The condition in the notation of the paper's table 3."""
        return "MC > 0"


def scores_before(scores: StepScores) -> list[float]:
    """MC(s_t) of every step: Pass@1 for the first, the score of the step before for the others."""
    return [scores.pass_at_1, *scores.mc[:-1]]


def _ratio(before: float, after: float) -> float:
    """MC after the step over MC before it; 0/0 is 0.

    A positive score from a state scored 0 can only be the first step's, where Pass@1 missed every answer. There
    the ratio has no value; the step has lost nothing, so its progress is 1.
    """
    if before > 0:
        return min(after / before, sys.float_info.max)  # infinite for a share as small as 1e-320
    return 1.0 if after > 0 else 0.0


RATIO, DIFFERENCE, HARD = Ratio(), Difference(), Hard()
