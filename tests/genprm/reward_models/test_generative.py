"""Models that write before they judge: many solutions at once, and GenPRM behind the same interface."""

from __future__ import annotations

import json
from typing import Any

import pytest

from genprm.engines.base import EngineError
from genprm.modes import Mode
from genprm.records import StepwiseSolution
from genprm.reward_models.base import Asking, SolutionScore
from genprm.reward_models.generative import GenerativeRewardModel
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.settings import VerifierSettings
from genprm.verification.verifier import Verifier
from genprm.verification.voting import score_solution
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

STEPS = ["1 + 1 = 2", "2 + 2 = 5, wrong", "done"]


class Counting(GenerativeRewardModel):
    """Scores a step by its length; some steps it cannot take."""

    asked = 0

    async def judge(self, solution: StepwiseSolution) -> SolutionScore:
        self.asked += 1
        problem, steps = solution.problem, solution.steps
        if "too hard" in steps:
            raise EngineError(f"{problem} is too hard")
        rewards = [float(len(step)) for step in steps]
        return SolutionScore(rewards, [rewards], prompt_tokens=1)


async def test_scores_come_in_the_order_of_the_solutions() -> None:
    finished: list[int] = []
    scores = await Counting(judge_engine()).score_many(
        [StepwiseSolution("a", ("x",)), StepwiseSolution("b", ("xx", "x"))], finished.append
    )
    assert [score.rewards for score in scores] == [[1.0], [2.0, 1.0]]
    assert finished == [1, 1]


async def test_the_first_failure_is_raised_as_it_is() -> None:
    with pytest.raises(EngineError, match="b is too hard"):
        await Counting(judge_engine()).score_many(
            [StepwiseSolution("a", ("x",)), StepwiseSolution("b", ("too hard",))]
        )


async def test_solutions_that_nothing_tells_apart_are_judged_once() -> None:
    model, finished = Counting(judge_engine()), []
    scores = await model.score_many([StepwiseSolution("a", ("x",), name) for name in "bcb"], finished.append)
    assert [score.rewards for score in scores] == [[1.0]] * 3
    assert (model.asked, finished) == (1, [3])


async def test_genprm_gives_what_the_verifier_gives() -> None:
    verifier = Verifier(judge_engine(), EchoSandbox(), VerifierSettings())
    score = await GenPRMRewardModel(verifier, "full", Asking(votes=2, texts=True)).score("How many?", STEPS)
    result = await score_solution(verifier, "How many?", STEPS, votes=2, mode="full")
    assert score.rewards == result.rewards == pytest.approx([8 / 9, 1 / 9, 8 / 9])
    assert len(score.path_rewards) == 2
    assert [[step.text for step in path.steps] for path in score.verifications] == [
        [step.text for step in path.steps] for path in result.paths
    ]
    assert (score.tokens, score.prompt_tokens) == (result.tokens, result.prompt_tokens)


async def test_what_is_kept_of_each_path_is_answered() -> None:
    verifier, paths = Verifier(judge_engine(), EchoSandbox(), VerifierSettings()), Remembered()
    model = GenPRMRewardModel(verifier, Mode.FULL, Asking(votes=3, kept_texts=2, paths=paths))
    score = await model.score("How many?", STEPS)
    texts = [all("Judgement" in step.text for step in path.steps) for path in score.verifications]
    assert texts == [True, True, False]
    again = await model.score("How many?", STEPS)
    assert again == score


class Remembered:
    """Kept paths in memory, as JSON has them."""

    def __init__(self) -> None:
        self.paths: dict[tuple[str, int], str] = {}

    def get(self, solution: StepwiseSolution, number: int) -> Any | None:
        kept = self.paths.get((solution.id, number))
        return None if kept is None else json.loads(kept)

    def put(self, solution: StepwiseSolution, number: int, path: Any) -> None:
        self.paths[solution.id, number] = json.dumps(path)


@pytest.mark.parametrize("until", [None, 0.5])
async def test_kept_paths_are_not_judged_again_and_more_votes_add_to_them(until: float | None) -> None:
    solution, kept = StepwiseSolution("How many?", tuple(STEPS), "case"), Remembered()

    async def score(votes: int) -> tuple[SolutionScore, int]:
        engine = judge_engine()
        verifier = Verifier(engine, EchoSandbox(), VerifierSettings())
        model = GenPRMRewardModel(verifier, Mode.FULL, Asking(votes, until=until, paths=kept))
        (found,) = await model.score_many([solution])
        return found, len(engine.requests)

    one, asked = await score(1)
    assert await score(1) == (one, 0)
    assert asked > 0
    two, further = await score(2)
    assert two.path_rewards[0] == one.path_rewards[0]
    assert len(two.path_rewards) == 2
    assert further == asked
    assert "analysis" in next(iter(kept.paths.values()))
    assert all('"analysis": ""' in path for path in kept.paths.values()), "texts are large and not kept"
