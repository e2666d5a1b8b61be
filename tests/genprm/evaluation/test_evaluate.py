"""Evaluation: every path of every case, as far as it is needed, and the vote over them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from genprm.engines.base import EngineError
from genprm.evaluation.evaluate import NoPaths, evaluate_cases, voted_prediction
from genprm.modes import Mode
from genprm.records import BenchmarkCase, Provenance, StepVerification, Verification
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
    result = voted_prediction(case(), [path_with(path) for path in paths])
    assert result.rewards == pytest.approx(rewards)
    assert result.prediction == prediction
    assert result.path_rewards == paths
    assert result.tokens == 5 * sum(len(path) for path in paths)
    assert result.prompt_tokens == 100 * len(paths)


def test_the_threshold_decides() -> None:
    assert voted_prediction(case(), [path_with([0.9, 0.6])], threshold=0.7).prediction == 1
    assert voted_prediction(case(), [path_with([0.9, 0.6])], threshold=0.6).prediction == -1


async def test_cases_come_back_in_order_with_all_their_fields() -> None:
    table = {(name, path): [0.9, 0.1 if name == "b" else 0.8, 0.9] for name in "abc" for path in range(2)}
    cases = [case(name) for name in "abc"]
    done: list[int] = []
    verifier = RewardTable(table)
    results = await evaluate_cases(cases, verifier, "cot", votes=2, progress=done.append)
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
        await evaluate_cases([case("slow"), case("dead")], verifier, "cot", votes=2)
    assert verifier.cancelled == ["slow", "slow"]
    assert verifier.now == 0


async def test_no_cases_give_no_predictions() -> None:
    assert await evaluate_cases([], RewardTable({}), "cot") == []


class Kept(NoPaths):
    """Paths in memory."""

    def __init__(self) -> None:
        self.paths: dict[tuple[str, int], Verification] = {}

    def known(self, case: BenchmarkCase) -> dict[int, Verification]:
        return {path: kept for (name, path), kept in self.paths.items() if name == case.id}

    def keep(self, case: BenchmarkCase, path: Verification) -> None:
        self.paths[case.id, path.path] = path


async def test_more_votes_begin_with_the_paths_there_are() -> None:
    """With two votes step 1 is wrong; with four it is not, so the paths that ended there are judged again."""
    table = {("a", path): [0.9, 0.0 if path < 2 else 1.0, 0.9] for path in range(4)}
    kept = Kept()
    two = await evaluate_cases([case("a")], RewardTable(table), "cot", votes=2, paths=kept)
    assert (two[0].prediction, two[0].path_rewards) == (1, [[0.9, 0.0], [0.9, 0.0]])

    four = await evaluate_cases([case("a")], RewardTable(table), "cot", votes=4, paths=kept)
    assert (four[0].prediction, four[0].path_rewards) == (-1, [table["a", path] for path in range(4)])

    assert await evaluate_cases([case("a")], RewardTable({}), "cot", votes=4, paths=kept) == four
