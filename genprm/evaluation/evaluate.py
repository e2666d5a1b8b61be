"""Predictions of any reward model for benchmark cases (paper 4.3 and 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genprm.evaluation.thresholds import tune_threshold
from genprm.records import BenchmarkCase, Prediction, StepwiseSolution
from genprm.reward_models.base import Progress, RewardModel, SolutionScore


class Evaluation(NamedTuple):
    """Predictions in the order of the cases, and the threshold that they follow from."""

    predictions: list[Prediction]
    threshold: float


def as_solution(case: BenchmarkCase) -> StepwiseSolution:
    """A case in the form that a reward model is given."""
    return StepwiseSolution(case.problem, tuple(case.steps), case.id)


def predict(case: BenchmarkCase, score: SolutionScore, threshold: float) -> Prediction:
    """A case with the model's own verdict, or else the first step with a reward below `threshold`."""
    return Prediction(
        id=case.id,
        subset=case.subset,
        generator=case.generator,
        problem=case.problem,
        steps=case.steps,
        final_answer_correct=case.final_answer_correct,
        label=case.label,
        prediction=score.first_error(threshold),
        rewards=score.rewards,
        path_rewards=score.path_rewards,
        tokens=score.tokens,
        prompt_tokens=score.prompt_tokens,
        executions=score.executions,
        reading=score.reading,
    )


async def evaluate_cases(
    model: RewardModel, cases: Sequence[BenchmarkCase], threshold: float, progress: Progress | None = None
) -> list[Prediction]:
    """Predictions at a given threshold, in the order of the cases.

    Raises:
        EngineError, SandboxError: as raised by the model.
    """
    scores = await model.score_many([as_solution(case) for case in cases], progress)
    return [predict(case, score, threshold) for case, score in zip(cases, scores, strict=True)]


async def evaluate_tuned(
    model: RewardModel,
    cases: Sequence[BenchmarkCase],
    tuning: Sequence[BenchmarkCase],
    progress: Progress | None = None,
) -> Evaluation:
    """Predictions at the threshold that is best for the model on `tuning` (ProcessBench tunes on GSM8K).

    Cases that are in both are scored once.

    Raises:
        ValueError: the cases to tune on are all wrong or all right.
        EngineError: as raised by the model.
    """
    wanted = {(case.subset, case.id): case for case in (*cases, *tuning)}
    found = await model.score_many([as_solution(case) for case in wanted.values()], progress)
    scores = dict(zip(wanted, found, strict=True))
    threshold = tune_threshold(
        [scores[case.subset, case.id].rewards for case in tuning], [case.label for case in tuning]
    )
    return Evaluation([predict(case, scores[case.subset, case.id], threshold) for case in cases], threshold)
