"""Models that write before they judge: many solutions at once, and GenPRM behind the same interface."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from genprm.engines.base import EngineError
from genprm.reward_models.base import SolutionScore
from genprm.reward_models.generative import GenerativeRewardModel, GenPRMRewardModel
from genprm.settings import VerifierSettings
from genprm.verification.verifier import Verifier
from genprm.verification.voting import score_solution
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

STEPS = ["1 + 1 = 2", "2 + 2 = 5, wrong", "done"]


class Counting(GenerativeRewardModel):
    """Scores a step by its length; some steps it cannot take."""

    async def judge(self, problem: str, steps: Sequence[str]) -> SolutionScore:
        if "too hard" in steps:
            raise EngineError(f"{problem} is too hard")
        rewards = [float(len(step)) for step in steps]
        return SolutionScore(rewards, [rewards], prompt_tokens=1)


async def test_scores_come_in_the_order_of_the_solutions() -> None:
    finished: list[int] = []
    scores = await Counting(judge_engine()).score_many([("a", ["x"]), ("b", ["xx", "x"])], finished.append)
    assert [score.rewards for score in scores] == [[1.0], [2.0, 1.0]]
    assert finished == [1, 1]


async def test_the_first_failure_is_raised_as_it_is() -> None:
    with pytest.raises(EngineError, match="b is too hard"):
        await Counting(judge_engine()).score_many([("a", ["x"]), ("b", ["too hard"])])


async def test_closing_closes_the_engine() -> None:
    engine = judge_engine()
    await Counting(engine).close()
    with pytest.raises(EngineError, match="is closed"):
        await Counting(engine).engine.complete("prompt", None)  # type: ignore[arg-type]


async def test_genprm_gives_what_the_verifier_gives() -> None:
    verifier = Verifier(judge_engine(), EchoSandbox(), VerifierSettings())
    score = await GenPRMRewardModel(verifier, "full", votes=2).score("How many?", STEPS)
    result = await score_solution(verifier, "How many?", STEPS, votes=2, mode="full")
    assert score.rewards == result.rewards == pytest.approx([8 / 9, 1 / 9, 8 / 9])
    assert len(score.path_rewards) == 2
    assert (score.tokens, score.prompt_tokens) == (result.tokens, result.prompt_tokens)
