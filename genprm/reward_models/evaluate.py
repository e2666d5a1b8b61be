"""ProcessBench predictions of any reward model (paper 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genprm.evaluation.evaluate import prediction_of
from genprm.records import BenchmarkCase, Prediction
from genprm.reward_models.base import Progress, RewardModel, SolutionScore
from genprm.reward_models.thresholds import tune_threshold
from genprm.verification.rewards import first_error


class Evaluation(NamedTuple):
    """Predictions in the order of the cases, and the threshold that they follow from."""

    predictions: list[Prediction]
    threshold: float


def scored_prediction(case: BenchmarkCase, score: SolutionScore, threshold: float) -> Prediction:
    """A case with the model's own verdict, or else the first step with a reward below `threshold`."""
    verdict = first_error(score.rewards, threshold) if score.verdict is None else score.verdict
    return prediction_of(case, verdict, score.rewards, score.path_rewards, score.tokens, score.prompt_tokens)


async def evaluate_with(
    model: RewardModel, cases: Sequence[BenchmarkCase], threshold: float, progress: Progress | None = None
) -> Evaluation:
    """Predictions at a threshold that is given.

    Raises:
        EngineError: as raised by the model.
    """
    scores = await model.score_many([(case.problem, case.steps) for case in cases], progress)
    return Evaluation([scored_prediction(*pair, threshold) for pair in zip(cases, scores, strict=True)], threshold)


async def evaluate_tuned(
    model: RewardModel,
    cases: Sequence[BenchmarkCase],
    tuning: Sequence[BenchmarkCase],
    progress: Progress | None = None,
) -> Evaluation:
    """Predictions at the threshold that serves the model best on `tuning` (ProcessBench takes GSM8K).

    Cases that are in both are scored once.

    Raises:
        ValueError: the cases to tune on are all wrong or all right.
        EngineError: as raised by the model.
    """
    wanted = {(case.subset, case.id): case for case in (*cases, *tuning)}
    found = await model.score_many([(case.problem, case.steps) for case in wanted.values()], progress)
    scores = dict(zip(wanted, found, strict=True))
    threshold = tune_threshold(
        [scores[case.subset, case.id].rewards for case in tuning], [case.label for case in tuning]
    )
    return Evaluation(
        [scored_prediction(case, scores[case.subset, case.id], threshold) for case in cases], threshold
    )
