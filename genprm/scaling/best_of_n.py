"""Best-of-N: N sampled solutions of a problem, one chosen by its rewards (paper 5.3 and appendix A)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genprm.domains.base import AnswerCheck
from genprm.intervals import RESAMPLES, Difference, Floats, Interval, percentile_interval
from genprm.settings import Aggregate

AGGREGATES: Mapping[Aggregate, Callable[[Sequence[float]], float]] = {
    "last": lambda rewards: rewards[-1],
    "mean": statistics.fmean,
    "min": min,
    "product": math.prod,
}


def solution_reward(rewards: Sequence[float], aggregate: Aggregate) -> float:
    """The reward of a solution from those of its steps, each in [0, 1].

    Raises:
        ValueError: no steps, or a reward outside [0, 1], with which a product or a weighted vote has no meaning.

    >>> solution_reward([0.5, 0.75, 1.0], "mean")
    0.75
    """
    if not rewards:
        raise ValueError("a solution without rewards cannot be ranked; at least one step is needed")
    for reward in rewards:
        if not 0.0 <= reward <= 1.0:
            raise ValueError(f"a step's reward is {reward}, allowed: a number from 0 to 1")
    return AGGREGATES[aggregate](rewards)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sampled solution.

    `answer` numbers the different answers to its problem (`answer_groups`), None where no answer was found.
    `rewards` has one value per step. `tokens` is everything spent on it: tokens that the policy wrote, and that the
    judge wrote and read on all its verification paths.
    """

    answer: int | None
    correct: bool
    rewards: tuple[float, ...] = ()
    tokens: int = 0


Selector = Callable[[Sequence[Candidate]], float]
"""The share of right answers that a way of choosing gets from candidates: 1 or 0 if it chooses a single one."""


async def answer_groups(answers: Sequence[str | None], check: AnswerCheck) -> list[int | None]:
    """A number per answer, equal for answers that mean the same; numbers count up in the order of appearance.

    Each answer joins the first group whose first member it is equivalent to.
    """
    first: list[str] = []
    groups: list[int | None] = []
    for answer in answers:
        if answer is None:
            groups.append(None)
            continue
        for number, known in enumerate(first):
            if await check.same(known, answer):
                groups.append(number)
                break
        else:
            groups.append(len(first))
            first.append(answer)
    return groups


def pass_at_1(candidates: Sequence[Candidate]) -> float:
    """The share of right candidates: the accuracy of a random choice."""
    return statistics.fmean(candidate.correct for candidate in candidates)


def pass_at_n(candidates: Sequence[Candidate]) -> float:
    """Whether any candidate is right: the accuracy of the best possible choice."""
    return float(any(candidate.correct for candidate in candidates))


def best(aggregate: Aggregate) -> Selector:
    """The solution with the highest reward; of equals the one drawn first."""

    def select(candidates: Sequence[Candidate]) -> float:
        return float(max(candidates, key=lambda one: solution_reward(one.rewards, aggregate)).correct)

    return select


def weighted_vote(aggregate: Aggregate) -> Selector:
    """The answer whose solutions have the highest sum of rewards; of equals the one drawn first."""
    return _vote(lambda candidate: solution_reward(candidate.rewards, aggregate))


def majority(candidates: Sequence[Candidate]) -> float:
    """The most frequent answer; of equals the one drawn first."""
    return _vote(lambda _: 1.0)(candidates)


def _vote(weight: Callable[[Candidate], float]) -> Selector:
    def select(candidates: Sequence[Candidate]) -> float:
        weights: dict[int, float] = {}
        right: dict[int, bool] = {}
        for candidate in candidates:
            if candidate.answer is not None:
                weights[candidate.answer] = weights.get(candidate.answer, 0.0) + weight(candidate)
                right.setdefault(candidate.answer, candidate.correct)
        # max keeps the first of equals, and dictionaries the order in which answers were drawn.
        return float(right[max(weights, key=weights.__getitem__)]) if weights else 0.0

    return select


class Point(NamedTuple):
    """Accuracy in percent at one N, its 95 % interval over problems, and tokens per problem for N candidates."""

    n: int
    accuracy: float
    ci95: Interval
    tokens: float


def accuracy_at(problems: Sequence[Sequence[Candidate]], n: int, selector: Selector) -> list[float]:
    """For each problem the share of right choices over its disjoint chunks of `n` candidates, in order of drawing.

    The candidates are drawn once, at the largest N; a last chunk with fewer than `n` is left out.

    Raises:
        ValueError: a problem with fewer than `n` candidates.
    """
    for index, candidates in enumerate(problems):
        if len(candidates) < n:
            raise ValueError(f"problem {index} has {len(candidates)} candidates, fewer than N = {n}")
    return [statistics.fmean(selector(chunk) for chunk in _chunks(candidates, n)) for candidates in problems]


def curve(
    problems: Sequence[Sequence[Candidate]], sizes: Sequence[int], selector: Selector, resamples: int = RESAMPLES
) -> list[Point]:
    """Accuracy over N, with bootstrap intervals over problems.

    Raises:
        ValueError: no problems, or one with fewer candidates than the largest size.
    """
    picks = _picks(len(problems), resamples)
    points = []
    for n in sizes:
        shares = np.array(accuracy_at(problems, n, selector))
        tokens = statistics.fmean(
            sum(candidate.tokens for candidate in chunk) for one in problems for chunk in _chunks(one, n)
        )
        points.append(Point(n, 100.0 * float(shares.mean()), _interval(shares, picks), tokens))
    return points


def accuracy_difference(
    problems: Sequence[Sequence[Candidate]],
    others: Sequence[Sequence[Candidate]],
    n: int,
    selectors: tuple[Selector, Selector],
    resamples: int = RESAMPLES,
) -> Difference:
    """Accuracy at N of the first selector on `problems` minus that of the second on `others`, in points.

    Both hold the same problems and candidates, only with other rewards; the interval is paired by problem.

    Raises:
        ValueError: no problems, another number of them, or one with fewer than `n` candidates.
    """
    if len(problems) != len(others):
        raise ValueError(f"{len(problems)} problems cannot be paired with {len(others)}")
    picks = _picks(len(problems), resamples)
    first, second = selectors
    gains = np.array(accuracy_at(problems, n, first)) - np.array(accuracy_at(others, n, second))
    return Difference(100.0 * float(gains.mean()), _interval(gains, picks))


def _picks(count: int, resamples: int) -> npt.NDArray[np.int64]:
    if not count:
        raise ValueError("no problems to choose solutions for; at least one is needed")
    return np.random.default_rng(0).integers(0, count, size=(resamples, count))


def _interval(values: Floats, picks: npt.NDArray[np.int64]) -> Interval:
    low, high = percentile_interval(values[picks].mean(axis=1))
    return Interval(100.0 * low, 100.0 * high)


def _chunks(candidates: Sequence[Candidate], n: int) -> list[Sequence[Candidate]]:
    return [candidates[start : start + n] for start in range(0, len(candidates) - n + 1, n)]
