"""Simulated solutions with known shares, on which estimates of step scores can be compared with the truth.

A share is the probability that a rollout reaches the answer. Shares come from a model of how they move from step to
step, or from a table of scores that is taken to be the truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from genprm.data_sets.rows import Row, share_field, shares_field
from genprm.monte_carlo.estimation import StepEstimation
from genprm.records import NO_ERROR, StepScores
from genprm.settings import MonteCarloSettings

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class KnownSolution:
    """`shares[t]` is the exact MC(s_t, a_t); `first_error` the 0-based first wrong step, NO_ERROR without one and
    None if it is unknown. The last share is 1.0 or 0.0, by the solution's answer."""

    pass_at_1: float
    shares: list[float]
    first_error: int | None

    @property
    def correct(self) -> bool:
        """Whether the solution's own answer is right."""
        return self.shares[-1] > 0


@dataclass(frozen=True, slots=True)
class StepProcess:
    """A random process of how shares change from step to step.

    Pass@1 of the kept problems (those with right and with wrong solutions) is Beta(1.2, 1.2). The completion model
    starts `strength` (in log-odds) above it. A right step adds N(0.25, `jitter`) to the log-odds: nearer the end,
    the answer is easier to reach. Half of the solutions have a wrong step, anywhere. It leaves a part of the share
    whose mean is `recovery` (often 0, for small `recovery`), and later steps of such a solution may lose more.

    The defaults are near what the miniature's models do (genprm/miniature/MEASURED.md).
    """

    strength: float = 2.5
    recovery: float = 0.1
    jitter: float = 0.3
    further_steps: float = 4.5
    """Mean number of steps beyond two."""

    def draw(self, rng: Rng, solutions: int) -> list[KnownSolution]:
        """Independent solutions of independent problems."""
        return [
            self.solution(rng, float(np.clip(rng.beta(1.2, 1.2), 1 / 64, 63 / 64)), wrong=rng.random() < 0.5)
            for _ in range(solutions)
        ]

    def solution(self, rng: Rng, pass_at_1: float, wrong: bool) -> KnownSolution:
        """One solution of a problem with this Pass@1, with or without a wrong step."""
        steps = 2 + int(rng.poisson(self.further_steps))
        first_error = int(rng.integers(steps)) if wrong else NO_ERROR
        log_odds = math.log(pass_at_1 / (1 - pass_at_1)) + rng.normal(self.strength, 0.7)
        left = 1.0
        shares = []
        for step in range(steps):
            if first_error == NO_ERROR or step < first_error:
                log_odds += rng.normal(0.25, self.jitter)
            else:
                left *= self._left(rng) if step == first_error else rng.choice([1.0, 0.7, 0.0], p=[0.6, 0.2, 0.2])
            shares.append(float(left / (1 + math.exp(-log_odds))))
        shares[-1] = float(first_error == NO_ERROR)
        return KnownSolution(pass_at_1, shares, first_error)

    def _left(self, rng: Rng) -> float:
        if self.recovery > 0.5:
            return rng.beta(3 * self.recovery, 3 * (1 - self.recovery))
        return rng.beta(1.5, 1.5) if rng.random() < 2 * self.recovery else 0.0


def known_solutions(placed: Iterable[Row]) -> list[KnownSolution]:
    """Solutions whose true shares are the scores of objects `{"pass_at_1", "mc": [per step]}`.

    Raises:
        InputError: a field is missing, or a score is outside [0, 1]; one line says which.
    """
    return [
        KnownSolution(share_field(row, "pass_at_1", where), _graded(shares_field(row, "mc", where)), None)
        for where, row in placed
    ]


def _graded(mc: list[float]) -> list[float]:
    return [*mc[:-1], float(mc[-1] > 0)]


class Rollouts:
    """The rollouts of one solution, drawn once: every estimator that asks for the first n of a step gets the same
    ones, so that estimators differ by what they ask for and not by chance."""

    def __init__(self, solution: KnownSolution, most: int, rng: Rng) -> None:
        draws = rng.random((len(solution.shares), most)) < np.array(solution.shares)[:, None]
        self._reached = np.concatenate([np.zeros((len(draws), 1), dtype=int), draws.cumsum(axis=1)], axis=1)

    def reached(self, step: int, first: int, count: int) -> int:
        """How many of the rollouts `first` to `first + count - 1` after 0-based `step` reach the answer."""
        return int(self._reached[step, first + count] - self._reached[step, first])


def estimate(solution: KnownSolution, rollouts: Rollouts, settings: MonteCarloSettings) -> StepScores:
    """The scores of a solution by the estimator in `settings`, with as many rollouts as it asks for."""
    estimation = StepEstimation(len(solution.shares), solution.correct, solution.pass_at_1, settings)
    while draws := estimation.next_draws():
        estimation.record([rollouts.reached(draw.done - 1, draw.first, draw.count) for draw in draws])
    return StepScores("", "", solution.pass_at_1, estimation.mc, estimation.rollouts, 0, list(estimation.stopped))
