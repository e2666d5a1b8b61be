"""ProcessBench predictions: thresholds given or tuned, and verdicts of the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from genprm.records import BenchmarkCase
from genprm.reward_models.base import Progress, RewardModel, SolutionScore, StepwiseSolution
from genprm.reward_models.evaluate import evaluate_tuned, evaluate_with


class Table(RewardModel):
    """Scores that are written down, by problem; `asked` holds every problem that was."""

    def __init__(self, scores: Mapping[str, SolutionScore]) -> None:
        self.asked: list[str] = []
        self._scores = scores

    @property
    def name(self) -> str:
        return "table"

    async def score_many(
        self, solutions: Sequence[StepwiseSolution], progress: Progress | None = None
    ) -> list[SolutionScore]:
        self.asked += [problem for problem, _ in solutions]
        return [self._scores[problem] for problem, _ in solutions]

    async def close(self) -> None:
        return None


def rewards(*values: float, verdict: int | None = None) -> SolutionScore:
    return SolutionScore(list(values), [list(values)], prompt_tokens=10, tokens=3, verdict=verdict)


def case(subset: str, problem: str, label: int) -> BenchmarkCase:
    return BenchmarkCase(problem, subset, "model", problem, ["a", "b", "c"], True, label)


async def test_the_first_reward_below_the_threshold_is_the_prediction() -> None:
    model = Table({"p": rewards(0.9, 0.6, 0.4), "q": rewards(0.9, 0.5, 0.7)})
    cases = [case("math", "p", 2), case("math", "q", -1)]
    found = await evaluate_with(model, cases, threshold=0.5)
    assert [row.prediction for row in found.predictions] == [2, -1]
    assert [row.prediction for row in (await evaluate_with(model, cases, threshold=0.65)).predictions] == [1, 1]
    first = found.predictions[0]
    assert (first.rewards, first.path_rewards) == ([0.9, 0.6, 0.4], [[0.9, 0.6, 0.4]])
    assert (first.tokens, first.prompt_tokens, first.label) == (3, 10, 2)


async def test_a_verdict_of_the_models_own_counts_more_than_the_threshold() -> None:
    model = Table({"p": rewards(0.9, 0.1, 0.1, verdict=-1)})
    (row,) = (await evaluate_with(model, [case("math", "p", 1)], threshold=0.5)).predictions
    assert row.prediction == -1


async def test_a_tuned_threshold_comes_from_gsm8k_and_serves_all_subsets() -> None:
    model = Table({"g1": rewards(0.3, 0.1), "g2": rewards(0.3, 0.25), "m": rewards(0.4, 0.19)})
    tuning = [case("gsm8k", "g1", 1), case("gsm8k", "g2", -1)]
    cases = [tuning[0], case("math", "m", 1)]
    found = await evaluate_tuned(model, cases, tuning)
    assert 0.1 < found.threshold <= 0.25
    assert found.threshold == pytest.approx(0.175)
    assert [row.prediction for row in found.predictions] == [1, -1]
    assert sorted(model.asked) == ["g1", "g2", "m"], "a case in both is scored once"
