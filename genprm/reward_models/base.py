"""What a reward model is asked and what it answers: one interface for every model of the paper's tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

StepwiseSolution: TypeAlias = tuple[str, Sequence[str]]
"""A problem and the steps of one solution to it."""
Progress: TypeAlias = Callable[[int], None]
"""Called with 1 whenever a solution is finished."""


@dataclass(frozen=True, slots=True)
class SolutionScore:
    """What a reward model says of one solution.

    `rewards[t]` in [0, 1] belongs to step t; they may end early, at the first step that the model calls wrong.
    `path_rewards` are those of each sampled path, one path for a model that does not sample. `verdict` is the
    0-based index of the first wrong step where the model names one itself (-1: none; the number of steps: no answer
    could be read), None where the first reward below a threshold says it. `outcome` in [0, 1] is the model's own
    score of the whole solution, None where it has none. `tokens` were generated, `prompt_tokens` read.
    """

    rewards: list[float]
    path_rewards: list[list[float]]
    prompt_tokens: int
    tokens: int = 0
    verdict: int | None = None
    outcome: float | None = None


class RewardModel(ABC):
    """A model that scores the steps of solutions."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Path or hub id of the weights."""

    @abstractmethod
    async def score_many(
        self, solutions: Sequence[StepwiseSolution], progress: Progress | None = None
    ) -> list[SolutionScore]:
        """Scores of many solutions, in order.

        Raises:
            EngineError: the model cannot be asked (it is closed, or a solution does not fit its context).
        """

    async def score(self, problem: str, steps: Sequence[str]) -> SolutionScore:
        """The score of one solution."""
        (score,) = await self.score_many([(problem, steps)])
        return score

    @abstractmethod
    async def close(self) -> None:
        """Free the model."""
