"""Accuracies of every method against what can be computed: each step right with probability p, independently."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from genprm.registry import SEARCHES
from genprm.search.base import FoundSolution, choose
from genprm.search.particles import effective_size, resample
from genprm.search.rebase import allocate
from genprm.search.tree import Purse, Tree
from genprm.settings import SearchSettings
from genprm.step_sampler import SampledStep
from tests.genprm.search.toy_process import Answers, ToyJudge, ToyPolicy, searcher

P, LENGTH, PROBLEMS = 0.5, 3, 600
SETTINGS = SearchSettings(width=2, children=2, tries=2)


def binomial(n: int, k: int) -> float:
    return math.comb(n, k) * P**k * (1 - P) ** (n - k)


def beam_by_enumeration(width: int, children: int) -> float:
    """Probability that a right solution is left: of r right steps, min(r, width) go on."""

    def survives(samples: int, left: int) -> float:
        ways = ((right, binomial(samples, right)) for right in range(1, samples + 1))
        if left == 1:
            return sum(chance for _, chance in ways)
        return sum(chance * survives(min(right, width) * children, left - 1) for right, chance in ways)

    return survives(width * children, LENGTH)


def some_of(count: int, each: float) -> float:
    return 1 - (1 - each) ** count


PERFECT: dict[str, Callable[[], float]] = {
    "best-of-n": lambda: P**LENGTH,
    "majority": lambda: P**LENGTH,
    "beam": lambda: beam_by_enumeration(2, 2),
    "dvts": lambda: some_of(2, some_of(2, P) ** LENGTH),
    "reset": lambda: some_of(2, some_of(2, P) ** LENGTH),
}
"""Accuracy of one round with a perfect judge (one sample in a round of independent ones)."""


async def accuracy(method: str, kind: str) -> float:
    """Share of problems whose chosen answer is right after one round."""
    right, search = 0, SEARCHES.get(method)
    for seed in range(PROBLEMS):
        tree = Tree(
            f"problem {seed}", ToyPolicy(P, LENGTH), ToyJudge(kind) if search.judged else None, SETTINGS, seed
        )
        await search.round(tree, Purse(math.inf), SETTINGS)
        finished = tree.finished
        if finished:
            found = [
                FoundSolution(n.name, n.parent or "", n.steps, n.rewards, Answers().extract(n.steps[-1]))
                for n in finished
            ]
            chosen = await choose(finished, found, "best", Answers())
            right += chosen is not None and chosen.answer == "42"
    return right / PROBLEMS


def sigma(p: float) -> float:
    return math.sqrt(p * (1 - p) / PROBLEMS)


@pytest.mark.parametrize("method", sorted(PERFECT))
async def test_a_perfect_judge_gives_what_enumeration_says(method: str) -> None:
    expected = PERFECT[method]()
    assert abs(await accuracy(method, "perfect") - expected) < 4 * sigma(expected)


@pytest.mark.parametrize("method", ["lookahead", "particles", "rebase", "puct"])
async def test_a_perfect_judge_helps(method: str) -> None:
    assert await accuracy(method, "perfect") > P**LENGTH + 4 * sigma(P**LENGTH)


@pytest.mark.parametrize("kind", ["random", "saturated"])
@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_judge_that_knows_nothing_neither_helps_nor_harms(method: str, kind: str) -> None:
    """What it prefers is independent of what is right; ties go to what was drawn first."""
    expected = P**LENGTH
    assert abs(await accuracy(method, kind) - expected) < 4.5 * sigma(expected)


async def test_best_of_n_on_a_budget_is_right_where_one_sample_is() -> None:
    """Four samples of 3 steps: 10 tokens each to write, 5 to judge unless a step before was wrong."""
    found = [
        await searcher(ToyPolicy(P, LENGTH), ToyJudge("perfect")).search("p", "best-of-n", 150, SETTINGS, seed)
        for seed in range(PROBLEMS)
    ]
    for result in found:
        any_right = any(one.answer == "42" for one in result.candidates)
        assert result.chosen is not None
        assert (result.chosen.answer == "42") == any_right
        assert result.spending.total < 150 + 2 * 3 * 15


@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_search_follows_from_its_seed(method: str) -> None:
    first, again, other = [
        await searcher(ToyPolicy(P, LENGTH), ToyJudge("random")).search("p", method, 600, SETTINGS, seed)
        for seed in (1, 1, 2)
    ]
    assert first == again
    assert first.candidates != other.candidates


class Unhurried(ToyPolicy):
    """Answers at random times."""

    def __init__(self, right: float, length: int, times: random.Random) -> None:
        super().__init__(right, length)
        self.times = times

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        await asyncio.sleep(0.003 * self.times.random())
        return await super().next_step(problem, steps, n, seed)


@pytest.mark.parametrize("budget", [1, 250, 600])
@pytest.mark.parametrize("method", SEARCHES.names())
async def test_who_answers_first_decides_nothing(method: str, budget: int) -> None:
    """All steps are as good as each other to this judge, so that whatever comes first could be taken."""
    policies = [Unhurried(P, LENGTH, random.Random(times)) for times in range(4)]
    first, *others = [
        await searcher(policy, ToyJudge("saturated")).search("p", method, budget, SETTINGS, 5)
        for policy in policies
    ]
    assert others == [first] * 3


@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_prefix_is_judged_once_and_nothing_after_a_sure_no(method: str) -> None:
    judge = ToyJudge("perfect")
    result = await searcher(ToyPolicy(P, LENGTH), judge).search("p", method, 600, SETTINGS, 3)
    assert len(judge.judged) == result.spending.judged_steps <= result.spending.steps
    assert not any("wrong" in step for steps in judge.judged for step in steps[:-1])
    assert result.spending.judge_tokens == 3 * len(judge.judged)
    assert result.spending.policy_tokens == 10 * result.spending.steps


def test_resampling_draws_each_by_its_weight() -> None:
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    starts = np.linspace(0, 1, 1000, endpoint=False)
    counts = np.array([np.bincount(resample(weights, start), minlength=4) for start in starts])
    assert counts.mean(axis=0) == pytest.approx(4 * weights, abs=0.01)
    assert (counts >= np.floor(4 * weights)).all()
    assert (counts <= np.ceil(4 * weights)).all()
    assert effective_size(np.full(4, 0.25)) == pytest.approx(4)


def test_equal_rewards_share_samples_evenly() -> None:
    assert allocate([0.7] * 3, 7, 0.2) == [3, 2, 2]
    assert allocate([1.0, 0.0], 4, 0.01) == [4, 0]


@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_budget_that_ends_before_any_solution_does_still_finds_one(method: str) -> None:
    """The first step was chosen by a judge, in most methods; the others are the policy's alone."""
    found = [
        await searcher(ToyPolicy(P, LENGTH), ToyJudge("perfect")).search("p", method, 1, SETTINGS, seed)
        for seed in range(40)
    ]
    for result in found:
        assert result.chosen is not None
        assert len(result.chosen.steps) == LENGTH
        assert result.spending.total <= 16 * 15 + LENGTH * 10, "no more than one depth of it, and one solution"
    if method in ("beam", "rebase"):
        # Of four first steps one is right in 15 cases of 16.
        assert sum("right" in result.chosen.steps[0] for result in found if result.chosen) > 30
