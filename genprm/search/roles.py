"""The roles of a search: who writes steps, and who judges them (answers are read by `genprm.domains`)."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from genprm.event_loops import together
from genprm.journal import Journal, once, row_key
from genprm.journaled_sampler import PolicySettings
from genprm.modes import Mode
from genprm.seeds import derived_seed
from genprm.step_sampler import SampledStep
from genprm.tables import from_dict, to_dict
from genprm.verification.journaled_path import JournaledPath
from genprm.verification.path import VerificationPath
from genprm.verification.verifier import Verifier


class StepPolicy(Protocol):
    """Writes steps; a `StepSampler` is one."""

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        """`n` samples of the step that follows `steps`; they depend on the arguments alone."""


@dataclass(frozen=True, slots=True)
class StepJudgement:
    """Reward of a step in [0, 1], and the tokens that its judge wrote and read for it (a shared prefix is not read
    again)."""

    reward: float
    tokens: int = 0
    prompt_tokens: int = 0


class JudgedPath(Protocol):
    """A solution whose steps have all been judged so far."""

    async def judge(self, step: str) -> StepJudgement:
        """Judge the next step."""

    def fork(self) -> JudgedPath:
        """A copy of the solution, to go on in another way."""

    async def close(self) -> None:
        """Free what it holds; it can still be forked."""


class StepJudge(Protocol):
    """Judges solutions step by step."""

    def start(self, problem: str) -> JudgedPath:
        """A solution without steps, to be judged from its first step on."""


@dataclass(frozen=True, slots=True)
class StepJournal:
    """Where the steps of searches are kept. `made_by` is whatever decides them besides problem, steps and settings
    (weights, code version), as JSON."""

    journal: Journal
    made_by: Any = None


class JournaledPolicy:
    """A policy that is never asked twice for the same samples. `settings` say how it asks its model."""

    def __init__(self, policy: StepPolicy, settings: PolicySettings, steps: StepJournal) -> None:
        self._policy = policy
        self._steps = steps
        self._settings = (
            *(settings.model, settings.system, settings.prompt),
            settings.sampling.model_dump(mode="json"),
        )

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        """`n` samples of the step that follows `steps`, from the journal or newly drawn by the policy."""

        async def draw() -> list[dict[str, Any]]:
            return [to_dict(step) for step in await self._policy.next_step(problem, steps, n, seed)]

        key = row_key("sampled", self._steps.made_by, self._settings, problem, steps, n, seed)
        return [from_dict(SampledStep, row) for row in await once(self._steps.journal, key, draw)]


class GenerativeJudge:
    """A verifier as the judge of a search. The reward of a step is the mean over `votes` conversations (paper eq.
    7), in each of which only the new step is judged. With a journal, no step is judged twice, whichever search asks
    for it."""

    def __init__(self, verifier: Verifier, mode: Mode, votes: int = 1, steps: StepJournal | None = None) -> None:
        self._verifier = verifier
        self._mode = mode
        self._votes = votes
        self._steps = steps

    def start(self, problem: str) -> JudgedPath:
        """Begin conversations about `problem`; their judgements depend on problem and steps alone."""
        return _Conversations([self._conversation(problem, number) for number in range(self._votes)])

    def _conversation(self, problem: str, number: int) -> VerificationPath | JournaledPath:
        path = self._verifier.start(f"{derived_seed(problem):x}", problem, self._mode, number)
        if self._steps is None:
            return path
        settings = self._verifier.settings.deciding(self._mode)
        key = row_key("judged", self._steps.made_by, settings, self._mode, problem, number)
        return JournaledPath(path, self._steps.journal, key)


class _Conversations:
    def __init__(self, paths: Sequence[VerificationPath | JournaledPath]) -> None:
        self._paths = paths

    async def judge(self, step: str) -> StepJudgement:
        read = sum(path.prompt_tokens for path in self._paths)
        judged = await together([path.judge(step) for path in self._paths])
        return StepJudgement(
            reward=statistics.fmean(one.reward for one in judged),
            tokens=sum(one.tokens for one in judged),
            prompt_tokens=sum(path.prompt_tokens for path in self._paths) - read,
        )

    def fork(self) -> JudgedPath:
        return _Conversations([path.fork() for path in self._paths])

    async def close(self) -> None:
        await asyncio.gather(*(path.close() for path in self._paths))
