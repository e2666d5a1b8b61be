"""When a step has had enough rollouts (ours): its label is decided, or K rollouts would not change it.

The label asks whether the share after the step, p, is at least epsilon times the share before it, p'. Both are
known through rollouts only (the first step's p' is Pass@1, a given number). Three things end the sampling:

- **Decided.** An e-process by universal inference (Wasserman, Ramdas and Balakrishnan, PNAS 2020): the likelihood
  of all rollouts of both steps, averaged over (p, p') by a fixed prior, is divided by its maximum under the
  hypothesis to be refuted. By Ville's inequality, if the hypothesis is true, the probability that this quotient
  ever exceeds 1 / error is at most `error`, whatever the shares are and however often one looks. The maximum has a
  closed form.
- **Settled.** The label of K rollouts is predicted: given the rollouts so far and Jeffreys' prior, the probability
  that the missing ones change it is at most `flip` (stochastic curtailment: Lan, Simon and Halperin, Sequential
  Analysis 1982; by predictive probability as in Lee and Liu, Clinical Trials 2008). As this probability is
  conditional on the rollouts at hand, it holds whenever one stops. It is about the label that the paper's K
  rollouts would give, not about the exact share.
- **Dead.** No rollout reached the answer, the label is decided, and shares of `dead_below` or more are refuted (the
  chance that none of n does is at most (1 - dead_below)^n).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from genprm.settings import SequentialSettings

StopReason = Literal["kept", "lost", "dead", "settled", "all_drawn", "after_dead", "last"]
"""Why a step got no more rollouts: its label is decided (`kept` is 1, `lost` and `dead` are 0) or settled, K were
drawn, or none are needed (after a step with MC = 0, and for the last step)."""

_PRIOR_SHAPES = (1.0, 0.1)
"""The a of the two Beta(a, a) priors averaged: for shares in the middle, and near 0 and 1, where most are."""
_SAME_SHARE = 0.7
"""Prior weight of a step that changes nothing (p = p'), where p is not below epsilon p'."""
_TIE = 1e-9

_remembered = lru_cache(maxsize=2**14)
"""Small counts come again and again."""


class Count(NamedTuple):
    """Rollouts that reached the answer, of those drawn."""

    reached: int
    drawn: int

    @property
    def share(self) -> float:
        return self.reached / self.drawn


class Evidence(NamedTuple):
    """Logarithms of the e-values for label 1 (`kept`) and for label 0 (`lost`)."""

    kept: float
    lost: float


@_remembered
def evidence(after: Count, before: Count | float, epsilon: float) -> Evidence:
    """How strongly the rollouts support each label. `before` is a number where the share before is given."""
    if isinstance(before, float):
        boundary = min(1.0, epsilon * before)
        free = _log_likelihood(after, after.share)
        bound = _log_likelihood(after, boundary)
        apart = together = _log_mixture(after)
        reaches = after.share >= boundary
    else:
        free = _log_likelihood(after, after.share) + _log_likelihood(before, before.share)
        share = _boundary_share(after, before, epsilon)
        bound = _log_likelihood(after, min(1.0, epsilon * share)) + _log_likelihood(before, share)
        apart = _log_mixture(after) + _log_mixture(before)
        together = _log_mixture(Count(after.reached + before.reached, after.drawn + before.drawn))
        reaches = after.share >= epsilon * before.share
    # p = p' means label 1 only if epsilon <= 1; for a larger epsilon it gets no prior weight.
    weight = _SAME_SHARE if epsilon <= 1 else 0.0
    for_kept = _log_average([(weight, together), (1 - weight, apart)])
    return Evidence(for_kept - (bound if reaches else free), apart - (free if reaches else bound))


def _log_likelihood(count: Count, share: float) -> float:
    missed = count.drawn - count.reached
    if (count.reached and share <= 0) or (missed and share >= 1):
        return -math.inf
    reached = count.reached * math.log(share) if count.reached else 0.0
    return reached + (missed * math.log1p(-share) if missed else 0.0)


def _log_mixture(count: Count) -> float:
    """Likelihood averaged over the prior of the share: a mean of beta-binomials."""
    missed = count.drawn - count.reached
    return _log_average([(0.5, _log_beta(count.reached + a, missed + a) - _log_beta(a, a)) for a in _PRIOR_SHAPES])


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_average(terms: list[tuple[float, float]]) -> float:
    largest = max(value for weight, value in terms if weight)
    return largest + math.log(sum(weight * math.exp(value - largest) for weight, value in terms if weight))


def _boundary_share(after: Count, before: Count, epsilon: float) -> float:
    """The p' that makes the rollouts likeliest when p = epsilon p'.

    The derivative of k log(e x) + (n-k) log(1 - e x) + k' log x + (n'-k') log(1 - x) is zero where
    A x^2 - B x + C = 0; the smaller root is the one in [0, min(1, 1/e)].
    """
    missed, missed_before = after.drawn - after.reached, before.drawn - before.reached
    reached = after.reached + before.reached
    a = epsilon * (reached + missed + missed_before)
    b = (1 + epsilon) * reached + epsilon * missed + missed_before
    if reached == 0:
        return 0.0
    root = 2 * reached / (b + math.sqrt(max(0.0, b * b - 4 * a * reached)))
    return min(root, 1.0, 1 / epsilon)


@_remembered
def flip_probability(after: Count, before: Count | float, epsilon: float, rollouts: int) -> float:
    """The probability that the label from `rollouts` (K) draws of both steps differs from the present one."""
    final, weights = _predicted(after, rollouts)
    if isinstance(before, float):
        least, chances = np.array([epsilon * before * rollouts]), np.array([1.0])
        kept = after.share >= epsilon * before - _TIE
    else:
        finals_before, chances = _predicted(before, rollouts)
        least = epsilon * finals_before
        kept = after.share >= epsilon * before.share - _TIE
    below = np.concatenate([[0.0], np.cumsum(weights)])
    lost = float(chances @ below[np.searchsorted(final, least - _TIE)])
    return min(1.0, max(0.0, lost if kept else 1 - lost))


@_remembered
def _predicted(count: Count, rollouts: int) -> tuple[np.ndarray, np.ndarray]:
    """Possible numbers of rollouts that reach the answer once `rollouts` are drawn, with their probabilities
    (beta-binomial under Jeffreys' prior)."""
    missing = max(0, rollouts - count.drawn)
    a, b = count.reached + 0.5, count.drawn - count.reached + 0.5
    start = _log_beta(a, b + missing) - _log_beta(a, b)
    x = np.arange(missing)
    steps = np.log((missing - x) * (a + x) / ((x + 1) * (b + missing - 1 - x)))
    log_chances = start + np.concatenate([[0.0], np.cumsum(steps)])
    return count.reached + np.arange(missing + 1), np.exp(log_chances)


def stop_reason(
    after: Count, before: Count | float, rollouts: int, dead_below: float, settings: SequentialSettings
) -> StopReason | None:
    """Why the step needs no more rollouts; None while it needs more. K is `rollouts`."""
    enough = -math.log(settings.error)
    found = evidence(after, before, settings.epsilon)
    if found.kept >= enough:
        return "kept"
    if after.reached == 0:
        gone = -after.drawn * math.log1p(-dead_below) >= enough
        return "dead" if gone and found.lost >= enough else None
    if found.lost >= enough:
        return "lost"
    if settings.flip and flip_probability(after, before, settings.epsilon, rollouts) <= settings.flip:
        return "settled"
    return None
