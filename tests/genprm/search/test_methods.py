"""What holds of every method, whatever it does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import numpy as np
import pytest

from genprm.registry import SEARCHES
from genprm.search.particles import effective_size, resample
from genprm.settings import SearchSettings
from genprm.step_sampler import SampledStep
from tests.genprm.search.toy_process import Process, ToyJudge, ToyPolicy, searcher

PROCESS = Process(0.5, (0.2, 0.3, 1.0))
SETTINGS = SearchSettings(width=2, children=2, tries=2)


@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_search_follows_from_its_seed(method: str) -> None:
    first, again, other = [
        await searcher(ToyPolicy(PROCESS), ToyJudge("random")).search("p", method, 600, SETTINGS, seed)
        for seed in (1, 1, 2)
    ]
    assert first == again
    assert first.candidates != other.candidates


class Unhurried(ToyPolicy):
    """Answers at random times."""

    def __init__(self, process: Process, times: random.Random) -> None:
        super().__init__(process)
        self.times = times

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        await asyncio.sleep(0.003 * self.times.random())
        return await super().next_step(problem, steps, n, seed)


@pytest.mark.parametrize("budget", [1, 250, 600])
@pytest.mark.parametrize("method", SEARCHES.names())
async def test_who_answers_first_decides_nothing(method: str, budget: int) -> None:
    """All steps are as good as each other to this judge, so that whatever comes first could be taken."""
    policies = [Unhurried(PROCESS, random.Random(times)) for times in range(4)]
    first, *others = [
        await searcher(policy, ToyJudge("saturated")).search("p", method, budget, SETTINGS, 5)
        for policy in policies
    ]
    assert others == [first] * 3


@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_prefix_is_judged_once_and_nothing_after_a_sure_no(method: str) -> None:
    judge = ToyJudge("perfect")
    result = await searcher(ToyPolicy(PROCESS), judge).search("p", method, 600, SETTINGS, 3)
    assert len(judge.judged) == result.spending.judged_steps <= result.spending.steps
    assert not any("wrong" in step for steps in judge.judged for step in steps[:-1])


def test_resampling_draws_each_by_its_weight() -> None:
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    starts = np.linspace(0, 1, 1000, endpoint=False)
    counts = np.array([np.bincount(resample(weights, start), minlength=4) for start in starts])
    assert counts.mean(axis=0) == pytest.approx(4 * weights, abs=0.01)
    assert (counts >= np.floor(4 * weights)).all()
    assert (counts <= np.ceil(4 * weights)).all()
    assert effective_size(np.full(4, 0.25)) == pytest.approx(4)


@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_budget_that_ends_before_any_solution_does_still_finds_one(method: str) -> None:
    """The first step was chosen by a judge, in most methods; the others are the policy's alone."""
    found = [
        await searcher(ToyPolicy(Process(0.5)), ToyJudge("perfect")).search("p", method, 1, SETTINGS, seed)
        for seed in range(40)
    ]
    for result in found:
        assert result.chosen is not None
        assert len(result.chosen.steps) == 3
        assert result.spending.total <= 16 * 15 + 3 * 10, "no more than one depth of it, and one solution"
    if method in ("beam", "rebase"):
        # Of four first steps one is right in 15 cases of 16.
        assert sum("right" in result.chosen.steps[0] for result in found if result.chosen) > 30
