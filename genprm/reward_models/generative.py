"""Reward models that write before they judge, on any engine: what they share, and GenPRM itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from genprm.engines.base import Engine
from genprm.event_loops import together
from genprm.modes import Mode
from genprm.reward_models.base import Progress, RewardModel, SolutionScore, StepwiseSolution
from genprm.verification.rewards import rewards
from genprm.verification.verifier import Verifier
from genprm.verification.voting import majority_rewards, score_solution


class GenerativeRewardModel(RewardModel):
    """All solutions are in flight at once; the engine bounds and batches them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def name(self) -> str:
        """Path or hub id of the weights."""
        return self.engine.model

    @abstractmethod
    async def judge(self, problem: str, steps: Sequence[str]) -> SolutionScore:
        """The score of one solution; a plain coroutine.

        Raises:
            EngineError: as raised by the engine.
        """

    async def score_many(
        self, solutions: Sequence[StepwiseSolution], progress: Progress | None = None
    ) -> list[SolutionScore]:
        """Scores of many solutions, in order; when one fails the others are cancelled."""

        async def judged(problem: str, steps: Sequence[str]) -> SolutionScore:
            score = await self.judge(problem, steps)
            if progress is not None:
                progress(1)
            return score

        return await together([judged(problem, steps) for problem, steps in solutions])

    async def close(self) -> None:
        """Free the model."""
        await self.engine.close()


class GenPRMRewardModel(GenerativeRewardModel):
    """GenPRM behind the interface of the others: the mean over `votes` verification paths (paper eq. 7)."""

    def __init__(self, verifier: Verifier, mode: Mode, votes: int = 1) -> None:
        super().__init__(verifier.engine)
        self._verifier = verifier
        self._mode = mode
        self._votes = votes

    async def judge(self, problem: str, steps: Sequence[str]) -> SolutionScore:
        """All steps on every path."""
        result = await score_solution(self._verifier, problem, steps, self._votes, self._mode)
        paths = [rewards(path) for path in result.paths]
        return SolutionScore(majority_rewards(paths), paths, result.prompt_tokens, result.tokens)
