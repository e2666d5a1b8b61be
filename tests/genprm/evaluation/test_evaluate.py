"""Evaluation: every path of every case, as far as it is needed, and the vote over them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from genprm.engines.base import EngineError
from genprm.evaluation.evaluate import evaluate_cases, evaluate_tuned, predict
from genprm.modes import Mode
from genprm.records import BenchmarkCase, Provenance, StepVerification, StepwiseSolution, Verification
from genprm.reward_models.base import Asking, Progress, RewardModel, SolutionScore
from genprm.reward_models.genprm import GenPRMRewardModel, voted_score
from genprm.settings import VerifierSettings
from genprm.verification.verifier import GoOn, Verifier, every_step


def case(name: str = "x", steps: int = 3, label: int = 1) -> BenchmarkCase:
    return BenchmarkCase(name, "math", "g", "p", [f"s{i}" for i in range(steps)], False, label)


def path_with(rewards: Sequence[float], path: int = 0) -> Verification:
    steps = [StepVerification("", "", "", "", reward, "Yes", False, [], 5) for reward in rewards]
    return Verification(
        "x", path, "cot", steps, 100, 5 * len(rewards), Provenance("scripted", "1", "raw"), ["No", "Yes"]
    )


class RewardTable(Verifier):
    """Gives rewards from a table (case, path) instead of asking a model, and stops where it is told to."""

    def __init__(self, table: dict[tuple[str, int], list[float]]) -> None:
        self.table = table
        self.engine = None  # type: ignore[assignment]
        self.settings = VerifierSettings()
        self.live_paths = 256
        self.now = self.most = 0
        self.cancelled: list[str] = []

    async def verify(
        self,
        case_id: str,
        problem: str,
        steps: Sequence[str],
        mode: Mode,
        path: int = 0,
        go_on: GoOn = every_step,
    ) -> Verification:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if case_id == "dead":
                raise EngineError("the engine died")
            await asyncio.sleep(60 if case_id == "slow" else 0.001)
        except asyncio.CancelledError:
            self.cancelled.append(case_id)
            raise
        finally:
            self.now -= 1
        rewards = self.table[case_id, path]
        judged = 1
        while judged < len(rewards) and await go_on(rewards[:judged]):
            judged += 1
        return path_with(rewards[:judged], path)


def voting(verifier: Verifier, votes: int = 2, **how: Any) -> GenPRMRewardModel:
    return GenPRMRewardModel(verifier, Mode.COT, Asking(votes, until=0.5, **how))


@pytest.mark.parametrize(
    ("paths", "rewards", "prediction"),
    [
        ([[0.9, 0.9, 0.9]], [0.9, 0.9, 0.9], -1),
        ([[0.9, 0.5, 0.9]], [0.9, 0.5, 0.9], -1),
        ([[0.9, 0.25]], [0.9, 0.25], 1),
        ([[1.0, 0.25], [1.0, 0.5]], [1.0, 0.375], 1),
        ([[1.0, 0.25], [1.0, 0.5, 1.0]], [1.0, 0.375], 1),
        ([[0.25, 1.0, 0.0], [1.0, 1.0, 0.5]], [0.625, 1.0, 0.25], 2),
    ],
)
def test_the_vote_is_the_mean_over_all_paths(
    paths: list[list[float]], rewards: list[float], prediction: int
) -> None:
    result = predict(case(), voted_score([path_with(path) for path in paths]), 0.5)
    assert result.rewards == pytest.approx(rewards)
    assert result.prediction == prediction
    assert result.path_rewards == paths
    assert result.tokens == 5 * sum(len(path) for path in paths)
    assert result.prompt_tokens == 100 * len(paths)


def test_the_threshold_decides() -> None:
    assert predict(case(), voted_score([path_with([0.9, 0.6])]), 0.7).prediction == 1
    assert predict(case(), voted_score([path_with([0.9, 0.6])]), 0.6).prediction == -1


async def test_cases_come_back_in_order_with_all_their_fields() -> None:
    table = {(name, path): [0.9, 0.1 if name == "b" else 0.8, 0.9] for name in "abc" for path in range(2)}
    cases = [case(name) for name in "abc"]
    done: list[int] = []
    verifier = RewardTable(table)
    results = await evaluate_cases(voting(verifier), cases, 0.5, done.append)
    assert [(r.id, r.prediction) for r in results] == [("a", -1), ("b", 1), ("c", -1)]
    assert results[1].path_rewards == [[0.9, 0.1], [0.9, 0.1]]  # stopped at the first error
    assert [(r.subset, r.generator, r.problem, r.steps, r.label) for r in results] == [
        (c.subset, c.generator, c.problem, c.steps, c.label) for c in cases
    ]
    assert done == [1, 1, 1]
    assert verifier.most == 6  # nothing waits for another case or path


async def test_an_engine_that_dies_ends_the_work_with_its_own_error() -> None:
    verifier = RewardTable({})
    with pytest.raises(EngineError, match="the engine died"):
        await evaluate_cases(voting(verifier), [case("slow"), case("dead")], 0.5)
    assert verifier.cancelled == ["slow", "slow"]
    assert verifier.now == 0


async def test_no_cases_give_no_predictions() -> None:
    assert await evaluate_cases(voting(RewardTable({})), [], 0.5) == []


class Kept:
    """Paths in memory."""

    def __init__(self) -> None:
        self.paths: dict[tuple[str, int], Any] = {}

    def get(self, solution: StepwiseSolution, number: int) -> Any | None:
        return self.paths.get((solution.id, number))

    def put(self, solution: StepwiseSolution, number: int, path: Any) -> None:
        self.paths[solution.id, number] = path


async def test_more_votes_begin_with_the_paths_there_are() -> None:
    """With two votes step 1 is wrong; with four it is not, so the paths that ended there are judged again."""
    table = {("a", path): [0.9, 0.0 if path < 2 else 1.0, 0.9] for path in range(4)}
    kept = Kept()
    two = await evaluate_cases(voting(RewardTable(table), 2, paths=kept), [case("a")], 0.5)
    assert (two[0].prediction, two[0].path_rewards) == (1, [[0.9, 0.0], [0.9, 0.0]])

    four = await evaluate_cases(voting(RewardTable(table), 4, paths=kept), [case("a")], 0.5)
    assert (four[0].prediction, four[0].path_rewards) == (-1, [table["a", path] for path in range(4)])

    assert await evaluate_cases(voting(RewardTable({}), 4, paths=kept), [case("a")], 0.5) == four


class Table(RewardModel):
    """Scores that are written down, by problem; `asked` holds every problem that was."""

    name = "table"

    def __init__(self, scores: Mapping[str, SolutionScore]) -> None:
        self.asked: list[str] = []
        self._scores = scores

    async def score_many(
        self, solutions: Sequence[StepwiseSolution], progress: Progress | None = None
    ) -> list[SolutionScore]:
        self.asked += [solution.problem for solution in solutions]
        return [self._scores[solution.problem] for solution in solutions]


def rewards(*values: float, verdict: int | None = None) -> SolutionScore:
    return SolutionScore(list(values), [list(values)], prompt_tokens=10, tokens=3, verdict=verdict)


def about(subset: str, problem: str, label: int) -> BenchmarkCase:
    return BenchmarkCase(problem, subset, "model", problem, ["a", "b", "c"], True, label)


async def test_the_first_reward_below_the_threshold_is_the_prediction() -> None:
    model = Table({"p": rewards(0.9, 0.6, 0.4), "q": rewards(0.9, 0.5, 0.7)})
    cases = [about("math", "p", 2), about("math", "q", -1)]
    found = await evaluate_cases(model, cases, 0.5)
    assert [row.prediction for row in found] == [2, -1]
    assert [row.prediction for row in await evaluate_cases(model, cases, 0.65)] == [1, 1]
    first = found[0]
    assert (first.rewards, first.path_rewards) == ([0.9, 0.6, 0.4], [[0.9, 0.6, 0.4]])
    assert (first.tokens, first.prompt_tokens, first.label) == (3, 10, 2)


async def test_a_verdict_of_the_models_own_counts_more_than_the_threshold() -> None:
    model = Table({"p": rewards(0.9, 0.1, 0.1, verdict=-1)})
    (row,) = await evaluate_cases(model, [about("math", "p", 1)], 0.5)
    assert row.prediction == -1


async def test_a_tuned_threshold_comes_from_gsm8k_and_serves_all_subsets() -> None:
    model = Table({"g1": rewards(0.3, 0.1), "g2": rewards(0.3, 0.25), "m": rewards(0.4, 0.19)})
    tuning = [about("gsm8k", "g1", 1), about("gsm8k", "g2", -1)]
    cases = [tuning[0], about("math", "m", 1)]
    found = await evaluate_tuned(model, cases, tuning)
    assert 0.1 < found.threshold <= 0.25
    assert found.threshold == pytest.approx(0.175)
    assert [row.prediction for row in found.predictions] == [1, -1]
    assert sorted(model.asked) == ["g1", "g2", "m"], "a case in both is scored once"
