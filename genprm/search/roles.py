"""The roles of a search: who writes steps, and who judges them (answers are read by `genprm.domains`)."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from genprm.event_loops import together
from genprm.modes import Mode
from genprm.seeds import derived_seed
from genprm.step_sampler import SampledStep
from genprm.verification.path import VerificationPath
from genprm.verification.verifier import Verifier


class StepPolicy(Protocol):
    """Writes steps; a `StepSampler` is one."""

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        """`n` samples of the step that follows `steps`; they follow from the arguments alone."""
        ...


@dataclass(frozen=True, slots=True)
class StepJudgement:
    """Reward of a step in [0, 1], and the tokens that its judge wrote and read for it (a shared prefix is not read
    again)."""

    reward: float
    tokens: int = 0
    prompt_tokens: int = 0


class JudgedPath(Protocol):
    """A solution that has been judged so far."""

    async def judge(self, step: str) -> StepJudgement:
        """Judge the next step."""
        ...

    def fork(self) -> JudgedPath:
        """The same solution, to go on another way."""
        ...

    async def close(self) -> None:
        """Free what it holds; it can still be forked."""
        ...


class StepJudge(Protocol):
    """Judges solutions step by step."""

    def start(self, problem: str) -> JudgedPath:
        """A solution of which no step has been judged."""
        ...


class GenerativeJudge:
    """A verifier as the judge of a search. The reward of a step is the mean of `votes` conversations (paper eq. 7),
    in each of which only the new step is judged."""

    def __init__(self, verifier: Verifier, mode: Mode, votes: int = 1) -> None:
        self._verifier = verifier
        self._mode = mode
        self._votes = votes

    def start(self, problem: str) -> JudgedPath:
        """Conversations about `problem`; what they say follows from problem and steps alone."""
        name = f"{derived_seed(problem):x}"
        paths = [self._verifier.start(name, problem, self._mode, path) for path in range(self._votes)]
        return _Conversations(paths)


class _Conversations:
    def __init__(self, paths: list[VerificationPath]) -> None:
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
