"""What a few problems really cost: sampled, rolled out and judged with the profile's own models; all is counted."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from genprm.data_sets.problems import shard_of
from genprm.domains.base import Grader
from genprm.engines import open_engine
from genprm.engines.base import Completion, Engine, Sampling
from genprm.engines.wrapped import WrappedEngine
from genprm.event_loops import together
from genprm.journal import Journal
from genprm.monte_carlo import score_steps
from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ESTIMATORS, Spent, with_estimator
from genprm.planning.measured import Labelled, Pilot
from genprm.planning.saved import SavedPlan
from genprm.planning.totals import plan
from genprm.rationales import ONE_PATH, judge_solution
from genprm.records import Problem, Rationale, SampledProblem, Solution
from genprm.registry import domain_of
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.sandbox import open_sandbox
from genprm.settings import Profile
from genprm.solutions import sample_solutions
from genprm.verification.verifier import Verifier


class CountingEngine(WrappedEngine):
    """An engine that counts what is asked of it, for requests that share one prefix or extend one another's."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._longest = 0
        self._spent = Spent()

    @property
    def spent(self) -> Spent:
        """Everything so far."""
        return self._spent + Spent(prefix_tokens=self._longest)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """Complete as the engine does, and count."""
        completions = await super().complete(prompt, sampling, n)
        prompt_tokens = [completion.prompt_tokens for completion in completions]
        self._longest = max([self._longest, *prompt_tokens])
        self._spent += Spent(len(completions), sum(c.tokens for c in completions), sum(prompt_tokens))
        return completions


def spread(problems: Sequence[Problem], count: int) -> list[Problem]:
    """`count` of the problems, chosen by a hash of their ids: the same ones each time, and in effect at random."""
    return sorted(problems, key=lambda problem: shard_of(problem.id, 1 << 30))[:count]


async def _sample(
    problem: Problem, engine: Engine, profile: Profile, grader: Grader
) -> tuple[SampledProblem, list[Solution], Spent]:
    counting = CountingEngine(engine)
    sampled, kept = await sample_solutions(problem, counting, profile.solutions, grader)
    return sampled, kept, counting.spent


async def _rolled_out(
    solution: Solution, engine: Engine, profile: Profile, grader: Grader, journal: Journal
) -> Labelled:
    """Score a solution under each estimator. The second one takes its rollouts from the journal, where the first
    has put them; the tokens of its prompts are a share of the first one's, in proportion to rollouts."""
    spent, scores = {}, {}
    counting = CountingEngine(engine)
    for name in ESTIMATORS:
        settings = with_estimator(profile.monte_carlo, name)
        scored = scores[name] = await score_steps(solution, counting, settings, grader, journal)
        all_drawn = counting.spent
        share = sum(scored.rollouts) / all_drawn.completions if all_drawn.completions else 0.0
        spent[name] = Spent(
            sum(scored.rollouts), scored.tokens, round(share * all_drawn.prompt_tokens), scored.prompt_tokens
        )
    return Labelled(solution, spent, scores[profile.monte_carlo.estimator])


async def _judge(solutions: Sequence[Solution], profile: Profile) -> tuple[list[Rationale], CountingEngine]:
    """The rationales of all solutions, and the engine that counted what was asked for them."""
    settings = profile.rationales
    sandbox = open_sandbox(profile.sandbox) if settings.mode.runs else None
    counting = CountingEngine(open_engine(settings.model, profile.engine))
    verifier = Verifier(counting, sandbox, settings.verifier, profile.engine.live_paths)
    model = GenPRMRewardModel(verifier, settings.mode, ONE_PATH)
    try:
        rationales = await together(judge_solution(one, model) for one in solutions)
    finally:
        await counting.close()
        if sandbox is not None:
            await sandbox.close()
    return rationales, counting


async def run_pilot(profile: Profile, problems: Sequence[Problem]) -> Pilot:
    """Sample, roll out and judge these problems as a run of the profile would.

    Raises:
        EngineError, SandboxError: a model, or the isolation asked for, is not available.
    """
    with tempfile.TemporaryDirectory() as folder, domain_of(profile.problems.source).grader() as grader:
        policy = open_engine(profile.solutions.model, profile.engine)
        sampled = await together(_sample(problem, policy, profile, grader) for problem in problems)
        completer = policy
        if profile.monte_carlo.model != profile.solutions.model:
            await policy.close()
            completer = open_engine(profile.monte_carlo.model, profile.engine)
        solutions = [solution for _, kept, _ in sampled for solution in kept]
        with Journal(Path(folder) / "rollouts.jsonl") as journal:
            labelled = await together(_rolled_out(one, completer, profile, grader, journal) for one in solutions)
        await completer.close()
    rationales, judge = await _judge(solutions, profile)
    return Pilot(
        profile,
        [spent for _, _, spent in sampled],
        [row for row, _, _ in sampled],
        labelled,
        rationales,
        judge.spent,
    )


def plan_from_pilot(
    profile: Profile, problems: Sequence[Problem], assumed: Assumptions, given: Collection[str] = ()
) -> tuple[SavedPlan, Assumptions]:
    """The plan of a profile from these problems, and its assumptions: measured, except for those in `given`.

    Raises:
        EngineError, SandboxError: a model, or the isolation asked for, is not available.
    """
    started = time.perf_counter()
    pilot = asyncio.run(run_pilot(profile, problems))
    seconds = time.perf_counter() - started
    costs = pilot.costs()
    # Rollouts were drawn once for both estimators: fixed has them all.
    tokens = sum(cost.sampled.tokens + cost.rollouts["fixed"].tokens + cost.judged.tokens for cost in costs)
    measured = {**pilot.assumptions(), "generated_per_second": tokens / seconds}
    found = assumed.model_copy(update={name: value for name, value in measured.items() if name not in given})
    source = f"from a pilot on {len(problems)} problems"
    return SavedPlan(source=source, rows=plan(profile, costs, found)), found
