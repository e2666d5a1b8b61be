"""Search methods on one axis of budgets: what each finds for a multiple of the tokens of one solution."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from genprm.data_sets.rows import InputError
from genprm.records import Problem, SampledSolution
from genprm.search.base import FoundSolution, Searcher
from genprm.settings import GuidedSearchSettings


class Budget(NamedTuple):
    """Tokens of policy and judge for one problem: `factor` times those of one solution."""

    factor: int
    tokens: int


@dataclass(frozen=True, slots=True)
class SearchCandidate:
    """A finished solution: where it grew (`genprm.search.tree.Node`), and the rewards of its steps up to the first
    sure No."""

    name: str
    parent: str
    answer: str | None
    rewards: list[float]


@dataclass(frozen=True, slots=True)
class SearchedProblem:
    """What one method found for a problem on one budget.

    `chosen` names the candidate that was taken, with its `steps` and `answer`; it is empty where none was finished.
    Tokens are those that the policy wrote, and that the judge wrote and read. In `rounds` runs of the method from
    the beginning, the policy sampled `sampled_steps`, and the judge made `judged_steps` judgements.
    """

    problem_id: str
    factor: int
    budget: int
    correct: bool
    chosen: str
    answer: str | None
    steps: list[str]
    candidates: list[SearchCandidate]
    policy_tokens: int
    judge_tokens: int
    judge_prompt_tokens: int
    sampled_steps: int
    judged_steps: int
    rounds: int

    @property
    def tokens(self) -> int:
        """All tokens of policy and judge."""
        return self.policy_tokens + self.judge_tokens + self.judge_prompt_tokens


def budgets_of(candidates: Sequence[SampledSolution], factors: Sequence[int]) -> list[Budget]:
    """Budgets in units of the mean tokens of the candidates of a set.

    Raises:
        InputError: no candidates.
    """
    if not candidates:
        raise InputError("no candidates, so what one solution costs is not known; at least one is needed")
    one = statistics.fmean(candidate.tokens for candidate in candidates)
    return [Budget(factor, max(1, round(factor * one))) for factor in factors]


async def search_problem(
    searcher: Searcher, problem: Problem, method: str, budget: Budget, settings: GuidedSearchSettings
) -> SearchedProblem:
    """What `method` finds, graded. Smaller budgets see the first of the samples that larger ones see.

    Raises:
        InputError: no such method, or a method that needs a judge without one.
        EngineError, SandboxError: as raised by policy and judge.
    """
    result = await searcher.search(problem.problem, method, budget.tokens, settings.how, settings.seed)
    chosen, spending = result.chosen, result.spending
    answer = None if chosen is None else chosen.answer
    return SearchedProblem(
        problem_id=problem.id,
        factor=budget.factor,
        budget=budget.tokens,
        correct=await searcher.answers.same(problem.answer, answer),
        chosen="" if chosen is None else chosen.name,
        answer=answer,
        steps=[] if chosen is None else list(chosen.steps),
        candidates=[_candidate(found) for found in result.candidates],
        policy_tokens=spending.policy_tokens,
        judge_tokens=spending.judge_tokens,
        judge_prompt_tokens=spending.judge_prompt_tokens,
        sampled_steps=spending.steps,
        judged_steps=spending.judged_steps,
        rounds=result.rounds,
    )


def _candidate(found: FoundSolution) -> SearchCandidate:
    return SearchCandidate(found.name, found.parent, found.answer, list(found.rewards))
