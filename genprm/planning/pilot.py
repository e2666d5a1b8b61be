"""What a few problems really cost: sampled and rolled out with the profile's own models, every request counted."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from genprm.answers import AnswerChecker
from genprm.engines import open_engine
from genprm.engines.base import Completion, Engine, Sampling
from genprm.event_loops import together
from genprm.journal import Journal
from genprm.monte_carlo import score_steps
from genprm.planning.costs import ESTIMATORS, ProblemCost, Spent, with_estimator
from genprm.problems import shard_of
from genprm.records import Message, Problem, Provenance, SampledProblem, Solution
from genprm.settings import Profile
from genprm.solutions import sample_solutions


class CountingEngine:
    """An engine that counts what is asked of it. Its requests share one prefix, or extend one another's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._longest = 0
        self._spent = Spent()

    @property
    def model(self) -> str:
        """Path or hub id of the weights."""
        return self._engine.model

    @property
    def provenance(self) -> Provenance:
        """The engine's."""
        return self._engine.provenance

    @property
    def spent(self) -> Spent:
        """Everything so far."""
        return self._spent + Spent(prefix_tokens=self._longest)

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """As the engine does."""
        return self._engine.render(messages, prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As the engine does, counted."""
        completions = await self._engine.complete(prompt, sampling, n)
        prompt_tokens = [completion.prompt_tokens for completion in completions]
        self._longest = max([self._longest, *prompt_tokens])
        self._spent += Spent(len(completions), sum(c.tokens for c in completions), sum(prompt_tokens))
        return completions

    async def close(self) -> None:
        """As the engine does."""
        await self._engine.close()


def spread(problems: Sequence[Problem], count: int) -> list[Problem]:
    """`count` of the problems, by hash of their ids: the same ones each time, and no special ones."""
    return sorted(problems, key=lambda problem: shard_of(problem.id, 1 << 30))[:count]


async def _sampled(
    problem: Problem, engine: Engine, profile: Profile, answers: AnswerChecker
) -> tuple[SampledProblem, list[Solution], Spent]:
    counting = CountingEngine(engine)
    sampled, kept = await sample_solutions(problem, counting, profile.solutions, answers)
    return sampled, kept, counting.spent


async def _rolled_out(
    solution: Solution, engine: Engine, profile: Profile, answers: AnswerChecker, journal: Journal
) -> dict[str, Spent]:
    """Cost under each estimator. The second one takes its rollouts from the journal, where the first has put them;
    the tokens of its prompts follow from the first one's, by rollouts."""
    spent = {}
    counting = CountingEngine(engine)
    for name in ESTIMATORS:
        settings = with_estimator(profile.monte_carlo, name)
        scores = await score_steps(solution, counting, settings, answers, journal)
        all_drawn = counting.spent
        share = sum(scores.rollouts) / all_drawn.completions if all_drawn.completions else 0.0
        spent[name] = Spent(
            sum(scores.rollouts), scores.tokens, round(share * all_drawn.prompt_tokens), all_drawn.prefix_tokens
        )
    return spent


async def _measure(profile: Profile, problems: Sequence[Problem]) -> list[ProblemCost]:
    with tempfile.TemporaryDirectory() as folder, AnswerChecker() as answers:
        policy = open_engine(profile.solutions.model, profile.engine)
        sampled = await together(_sampled(problem, policy, profile, answers) for problem in problems)
        completer = policy
        if profile.monte_carlo.model != profile.solutions.model:
            await policy.close()
            completer = open_engine(profile.monte_carlo.model, profile.engine)
        with Journal(Path(folder) / "rollouts.jsonl") as journal:
            rollouts = await together(
                together(_rolled_out(solution, completer, profile, answers, journal) for solution in kept)
                for _, kept, _ in sampled
            )
        await completer.close()
    return [
        ProblemCost(
            spent,
            len(kept),
            sum(len(solution.steps) for solution in kept),
            {name: sum((row[name] for row in rows), Spent()) for name in ESTIMATORS},
        )
        for (_, kept, spent), rows in zip(sampled, rollouts, strict=True)
    ]


def measured_costs(profile: Profile, problems: Sequence[Problem]) -> tuple[list[ProblemCost], float]:
    """Costs of the problems one by one, and the tokens generated per second by all requests together.

    Raises:
        EngineError: a model is not there.
    """
    started = time.perf_counter()
    costs = asyncio.run(_measure(profile, problems))
    seconds = time.perf_counter() - started
    # Rollouts were drawn once for both estimators: fixed has them all.
    tokens = sum(cost.sampled.tokens + cost.rollouts["fixed"].tokens for cost in costs)
    return costs, tokens / seconds
