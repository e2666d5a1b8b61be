"""Other reward models and critics in the place of GenPRM, for `genprm evaluate`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genprm.records import BenchmarkCase
    from genprm.reward_models.base import Progress, RewardModel
    from genprm.reward_models.evaluate import Evaluation
    from genprm.settings import EngineSettings

JUDGE = "judge"
"""Mode in which any model criticises whole solutions."""
TUNED_ON = "gsm8k"
"""ProcessBench subset on which thresholds are tuned where a model's authors set none."""


@dataclass(frozen=True)
class Baseline:
    """A loaded model, what its results are called, and its threshold; None: tuned."""

    model: RewardModel
    label: str
    threshold: float | None

    def evaluate(
        self, cases: Sequence[BenchmarkCase], tuning: Sequence[BenchmarkCase], progress: Progress
    ) -> Evaluation:
        """Predictions for all cases; a threshold that is not set is tuned on `tuning`. Frees the model.

        Raises:
            InputError: the cases to tune on are all wrong or all right.
            EngineError: as raised by the model.
        """
        return asyncio.run(self._evaluate(cases, tuning, progress))

    async def _evaluate(
        self, cases: Sequence[BenchmarkCase], tuning: Sequence[BenchmarkCase], progress: Progress
    ) -> Evaluation:
        from genprm.data_sets.rows import InputError
        from genprm.reward_models.evaluate import evaluate_tuned, evaluate_with

        try:
            if self.threshold is not None:
                return await evaluate_with(self.model, cases, self.threshold, progress)
            if len({case.label == -1 for case in tuning}) < 2:
                raise InputError(
                    f"the threshold of model {self.model.name!r} is tuned on {TUNED_ON}, and its {len(tuning)} "
                    "cases are not of both kinds, allowed: a higher --limit"
                )
            return await evaluate_tuned(self.model, cases, tuning, progress)
        finally:
            await self.model.close()


def open_baseline(name: str, mode: str | None, settings: EngineSettings, votes: int) -> Baseline | None:
    """The model behind `name` if it is not asked as GenPRM is: a published reward model, or any model as a judge.

    Raises:
        InputError: options that this model has no use for.
        EngineError: the model cannot be loaded, or cannot be asked as its authors do.
    """
    from genprm.data_sets.rows import InputError, shown
    from genprm.engines import open_engine
    from genprm.reward_models.published import find_published
    from genprm.settings import VerifierSettings

    if mode == JUDGE:
        from genprm.reward_models.judge import LLMJudge

        judge = LLMJudge(open_engine(name, settings), VerifierSettings().sampling, votes)
        return Baseline(judge, JUDGE, threshold=0.5)
    how = find_published(name)
    if how is None:
        return None
    if mode is not None:
        raise InputError(f"mode is {shown(mode)}, allowed for model {name!r}: none (it has a way of its own)")
    from genprm.reward_models.load import load_reward_model

    return Baseline(load_reward_model(name, how, settings, votes), how.adapter, how.threshold)
