"""Reward models that write before they judge, on any engine: what they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence

from genprm.engines.base import Engine
from genprm.event_loops import together
from genprm.records import StepwiseSolution
from genprm.reward_models.base import Progress, RewardModel, SolutionScore, VerdictCounts


class GenerativeRewardModel(RewardModel):
    """All solutions are in flight at once; the engine bounds and batches them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._counts = VerdictCounts()

    @property
    def name(self) -> str:
        """Path or hub id of the weights."""
        return self.engine.model

    def verdict_counts(self) -> VerdictCounts:
        """How the verdicts given so far came about."""
        return self._counts

    def count(self, counts: VerdictCounts) -> None:
        """Add to `verdict_counts`."""
        self._counts += counts

    @abstractmethod
    async def judge(self, solution: StepwiseSolution) -> SolutionScore:
        """The score of one solution; a plain coroutine.

        Raises:
            EngineError: as raised by the engine.
        """

    def decisive(self, solution: StepwiseSolution) -> Hashable:
        """The part of a solution that its score depends on: solutions that agree in it are judged once."""
        return solution.problem, solution.steps

    async def score_many(
        self, solutions: Sequence[StepwiseSolution], progress: Progress | None = None
    ) -> list[SolutionScore]:
        """Scores of many solutions, in order; when one fails the others are cancelled."""
        alike: dict[Hashable, list[int]] = {}
        for index, solution in enumerate(solutions):
            alike.setdefault(self.decisive(solution), []).append(index)

        async def judged(indices: Sequence[int]) -> SolutionScore:
            score = await self.judge(solutions[indices[0]])
            if progress is not None:
                progress(len(indices))
            return score

        scores = dict(zip(alike, await together([judged(found) for found in alike.values()]), strict=True))
        return [scores[self.decisive(solution)] for solution in solutions]
