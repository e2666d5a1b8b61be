"""The first wrong step as a change point in a solution's scores (ours, not the paper's).

A ratio of two neighbouring scores is noisy, and a hard label misses every error that a rollout can recover from.
Both look at one or two steps. Here all rollouts of a solution count: a right step changes the share of rollouts
that reach the answer a little, a wrong one takes it to 0 or to any lower share, and later scores show which it was.
The model is a hidden Markov chain over a grid of shares; the forward algorithm (Rabiner, Proc. IEEE 1989) gives the
probability of each first error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from genprm.labels.estimators import LabelEstimator
from genprm.records import StepScores

ERROR = 0.5
"""Prior probability that a solution has a wrong step; all steps are equally likely to be the first wrong one."""
START_ABOVE, START_SPREAD = 0.5, 1.2
"""The completion model's share before the first step, in log-odds above Pass@1: mean and standard deviation."""
DRIFT, SPREAD = 0.25, 0.4
"""What a right step adds to the log-odds of the share: mean and standard deviation."""
FATAL = 0.5
"""Probability that a wrong step takes the share to 0; else all shares up to the old one are equally likely."""
FURTHER = 0.4
"""Probability that a step after the first wrong one lowers the share in the same way."""
GRADED_SLIP = 1e-3
"""Likelihood of a last step's grade that contradicts its share: correct at 0, or wrong above 0."""
_CELLS = 25

Vector = np.ndarray


@cache
def _shares() -> Vector:
    """The grid: 0, and the middles of equal cells of (0, 1)."""
    return np.concatenate([[0.0], (np.arange(_CELLS) + 0.5) / _CELLS])


def _log_odds(shares: Vector) -> Vector:
    return np.asarray(np.log(shares / (1 - shares)))


def _normal(shares: Vector, mean: Vector | float, spread: float) -> Vector:
    """Weights of the grid shares above 0 where the log-odds of the share are N(mean, spread^2)."""
    density = np.exp(-0.5 * ((_log_odds(shares) - mean) / spread) ** 2) / (shares * (1 - shares))
    return np.asarray(density / density.sum(axis=-1, keepdims=True))


@cache
def _moves() -> tuple[Vector, Vector, Vector]:
    """Transition matrices of a right step, of a wrong one, and of one after a wrong one. Share 0 stays 0."""
    shares = _shares()[1:]
    right = np.eye(_CELLS + 1)
    right[1:, 1:] = _normal(shares, _log_odds(shares)[:, None] + DRIFT, SPREAD)
    below = np.tril(np.ones((_CELLS, _CELLS)))
    wrong = np.eye(_CELLS + 1)
    wrong[1:, 0] = FATAL
    wrong[1:, 1:] = (1 - FATAL) * below / below.sum(axis=1, keepdims=True)
    return right, wrong, (1 - FURTHER) * right + FURTHER * wrong


def _likelihood(reached: int, drawn: int) -> Vector:
    shares = _shares()
    logs = np.full(len(shares), -math.inf if reached else 0.0)
    logs[1:] = reached * np.log(shares[1:]) + (drawn - reached) * np.log1p(-shares[1:])
    return np.asarray(np.exp(logs - logs.max()))


def _graded(correct: bool) -> Vector:
    return np.where((_shares() > 0) == correct, 1.0, GRADED_SLIP)


def error_free(pass_at_1: float, mc: Sequence[float], rollouts: Sequence[int]) -> list[float]:
    """The probability, for each step, that neither it nor any step before it is wrong; it never rises.

    `mc[t]` is the share of `rollouts[t]` that reached the answer. The last step is graded (1.0 or 0.0) without
    rollouts. Steps without rollouts after a score of 0 carry no information.
    """
    right, wrong, after = _moves()
    start = math.log(_inside(pass_at_1) / (1 - _inside(pass_at_1))) + START_ABOVE
    sound = np.concatenate([[0.0], _normal(_shares()[1:], start, START_SPREAD)])
    broken = np.zeros((len(mc), len(sound)))
    hazard = ERROR / len(mc)
    for step, (score, drawn) in enumerate(zip(mc, rollouts, strict=True)):
        seen = _likelihood(round(score * drawn), drawn)
        if drawn == 0 and step == len(mc) - 1 and 0.0 not in mc[:-1]:
            seen = _graded(score > 0)
        broken[:step] = broken[:step] @ after * seen
        broken[step] = hazard * (sound @ wrong) * seen
        sound = (sound @ right if step else sound) * seen
        total = sound.sum() + broken.sum()
        sound, broken = sound / total, broken / total
    none = (1 - ERROR) * sound.sum()
    first = broken.sum(axis=1)
    chances = 1 - np.cumsum(first) / (none + first.sum())
    return [float(chance) for chance in np.clip(chances, 0.0, 1.0)]


def _inside(share: float) -> float:
    return min(max(share, 0.01), 0.99)


class ChangePoint(LabelEstimator):
    """The probability that no step up to and including t is wrong, in [0, 1]."""

    name = "changepoint"
    default_epsilon = 0.5
    reads_rollouts = True

    def progress(self, scores: StepScores) -> list[float]:
        """`error_free` of the scores."""
        return error_free(scores.pass_at_1, scores.mc, scores.rollouts)


CHANGE_POINT = ChangePoint()
