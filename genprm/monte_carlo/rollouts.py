"""Rollouts: how many, in which batches, and whether each reached the answer.

Rollouts of a step are numbered 0, 1, 2, ... and cut into batches at the same numbers under every setting, each
batch with a seed of its own. So the first n rollouts of a step are the same whatever K is, and a journal that has
them serves a larger K, another estimator or another stopping rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genprm.domains.base import Grader
from genprm.engines.base import Completion
from genprm.journaled_sampler import Batch, JournaledSampler, Row
from genprm.records import Solution
from genprm.seeds import derived_seed
from genprm.settings import MonteCarloSettings
from genprm.steps import step_prefill

FIRST_BATCH = 8
"""Rollouts of the first batch; the smallest K in common use, and the fewest that can decide a step."""


def rollouts_for(pass_at_1: float, settings: MonteCarloSettings) -> int:
    """K for a problem whose MC(s_1) is `pass_at_1`: the first tier that it is below, else `rollouts_otherwise`.

    In the paper 128 for [0, 0.1), 64 for [0.1, 0.9), 32 for [0.9, 1].
    """
    for tier in settings.tiers:
        if pass_at_1 < tier.below:
            return tier.rollouts
    return settings.rollouts_otherwise


def batch_ends(limit: int) -> list[int]:
    """Numbers of rollouts at which a batch ends, up to and including `limit`; batches grow with the number drawn.

    >>> batch_ends(64)
    [8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64]
    """
    ends = []
    end = FIRST_BATCH
    while end < limit:
        ends.append(end)
        end += max(4, 1 << (end.bit_length() - 3))
    return [*ends, limit]


@dataclass(frozen=True, slots=True)
class Draw:
    """Rollouts number `first` to `first + count - 1` after the first `done` steps."""

    done: int
    first: int
    count: int


def draws_between(done: int, drawn: int, wanted: int) -> Iterator[Draw]:
    """The batches that bring a step from `drawn` rollouts to `wanted`; none when it has as many."""
    first = drawn
    for end in batch_ends(wanted):
        if end > first:
            yield Draw(done, first, end - first)
            first = end


async def _reaches_answer(prefill: str, rollout: Completion, answer: str, grader: Grader) -> bool:
    """Whether a rollout ends in the answer. A truncated one does not, whatever it says on the way."""
    if rollout.finish_reason == "length":
        return False
    return await grader.answers.same(answer, grader.answers.extract(prefill + rollout.text))


@dataclass(frozen=True, slots=True)
class Graded:
    """The result of a batch: for each rollout in order 1 if it reached the answer, else 0; the tokens of all
    rollouts; and those of their prompt."""

    outcomes: str
    tokens: int
    prompt_tokens: int

    @property
    def reached(self) -> int:
        """Rollouts that reached the answer."""
        return self.outcomes.count("1")


async def graded(
    draw: Draw, solution: Solution, sampler: JournaledSampler, settings: MonteCarloSettings, grader: Grader
) -> Graded:
    """Draw and grade one batch, or take it from the journal. A row there names solution, step, model, seed and the
    number of its first rollout; the row's key covers the sampling settings as well."""
    blank = " " if settings.header_blank else ""
    prefill = step_prefill(grader.steps, solution.steps[: draw.done]) + blank
    seed = derived_seed(settings.seed, solution.id, draw.done, draw.first)

    async def grade(completions: list[Completion]) -> Row:
        right = [await _reaches_answer(prefill, c, solution.answer, grader) for c in completions]
        return {
            "solution": solution.id,
            "model": settings.model,
            "done": draw.done,
            "first": draw.first,
            "count": len(completions),
            "seed": seed,
            "outcomes": "".join("1" if reached else "0" for reached in right),
            "tokens": sum(completion.tokens for completion in completions),
            "prompt_tokens": max(completion.prompt_tokens for completion in completions),
        }

    asked = Batch(solution.problem, solution.answer, prefill, seed, draw.count)
    row = await sampler.row("rollouts in order", asked, grade)
    return Graded(row["outcomes"], row["tokens"], row["prompt_tokens"])
