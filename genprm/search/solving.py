"""Solving problems with a policy and a judge, from their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from genprm.data_sets.rows import InputError
from genprm.engines import open_engine
from genprm.event_loops import together
from genprm.prm import GenPRM, check_votes, engine_settings
from genprm.profiles import load_profile
from genprm.registry import DOMAINS
from genprm.search.base import Searcher, SearchResult, check_budget, known_method
from genprm.search.roles import GenerativeJudge
from genprm.settings import EngineSettings, SearchSettings, SolutionSettings
from genprm.step_sampler import StepSampler
from genprm.verification.verifier import Verifier

MINIATURE = "miniature/"
POLICY = "miniature/policy"
DOMAIN = "mathematics"


def policy_settings(policy: str) -> SolutionSettings:
    """How a policy is asked for solutions: as in the paper (4.2); a miniature one as in the miniature's profile."""
    known = load_profile("miniature").solutions if policy.startswith(MINIATURE) else SolutionSettings()
    return known.model_copy(update={"model": policy})


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPlan:
    """How problems are searched: a method (`genprm.registry.SEARCHES`), and the tokens of policy and judge for each
    of them. A step's reward is the mean of `votes` conversations of the judge.
    """

    method: str = "beam"
    budget: int = 20_000
    votes: int = 1
    seed: int = 0
    settings: SearchSettings | None = None


def solve(
    problems: Sequence[str],
    prm: GenPRM,
    plan: SearchPlan | None = None,
    policy: str | Path = POLICY,
    engine: str | EngineSettings = "transformers",
    progress: Callable[[int], None] = lambda solved: None,
) -> list[SearchResult]:
    """Search for solutions of `problems`, all at once, each with a budget of its own; results in order.

    Args:
        prm: the judge (`GenPRM.load`).
        policy: directory, hub id or miniature/NAME of the model that writes the steps; `engine` says how it runs.
        progress: told 1 after each problem.

    Raises:
        InputError: no such method or engine, a budget or votes below 1, or a policy that never ended a step.
        EngineError, SandboxError: a model cannot be loaded or cannot go on.
    """
    plan = plan or SearchPlan()
    known_method(plan.method)
    check_budget(plan.budget)
    check_votes(plan.votes)
    chosen = engine_settings(engine) if isinstance(engine, str) else engine
    writer = open_engine(str(policy), chosen)
    sampler = StepSampler(writer, policy_settings(str(policy)), DOMAINS.get(DOMAIN).steps)

    async def work(verifier: Verifier) -> list[SearchResult]:
        judge = GenerativeJudge(verifier, prm.mode, plan.votes)
        try:
            with DOMAINS.get(DOMAIN).grader() as grader:
                searcher = Searcher(sampler, judge, grader.answers)

                async def solved(problem: str) -> SearchResult:
                    result = await searcher.search(problem, plan.method, plan.budget, plan.settings, plan.seed)
                    progress(1)
                    return result

                return await together([solved(problem) for problem in problems])
        finally:
            await writer.close()

    results = prm.run(work)
    _check_that_steps_end(results, str(policy))
    return results


def _check_that_steps_end(results: Sequence[SearchResult], policy: str) -> None:
    steps = sum(result.spending.steps for result in results)
    cut = sum(result.spending.truncated_steps for result in results)
    if steps and cut == steps:
        tokens = policy_settings(policy).sampling.max_tokens
        raise InputError(
            f"policy {policy!r} never ends a step: all {steps} ran out of their {tokens} tokens; "
            "it has to write 'Step 1: ...', 'Step 2: ...'"
        )
