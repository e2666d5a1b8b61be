"""Critics: which step they blame, and what they say of it."""

from __future__ import annotations

from typing import Any

import pytest

from genprm.modes import Mode
from genprm.reward_models.base import Asking, RewardModel, SolutionScore
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.scaling.critics import Critique, JudgeCritic, RewardCritic
from genprm.settings import SamplingSettings, VerifierSettings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine, count_tokens
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

PROBLEM = "What is 3 + 4 - 2?"
WRONG = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6, wrong", "Step 3: The answer is \\boxed{6}."]


async def test_a_reward_model_as_critic_names_the_first_wrong_step_and_quotes_its_analysis() -> None:
    verifier, settings = Verifier(judge_engine(), EchoSandbox(), VerifierSettings()), VerifierSettings()
    model = GenPRMRewardModel(verifier, Mode.FULL, Asking(3, until=0.5, kept_texts=3))
    critic = RewardCritic(model, lead=settings.format.analyze_lead)
    critique = await critic("p", PROBLEM, WRONG)
    assert critique.step == 1
    assert critique.text == "Looks so."
    # two steps on three paths, each with a block; what is not read is written
    assert critique.executions == 6
    assert 0 < critique.prompt_tokens < critique.tokens
    assert (await critic("p", PROBLEM, WRONG[:1])).step is None


async def test_a_model_that_writes_nothing_points_at_the_step() -> None:
    critique = await RewardCritic(Head())("p", PROBLEM, WRONG)
    assert critique == Critique(1, "", tokens=9, prompt_tokens=9)
    assert (await RewardCritic(Head(), threshold=0.1)("p", PROBLEM, WRONG)).step is None


class Head(RewardModel):
    """Reads nine tokens, and gives the second step 0.2."""

    name = "head"

    async def score_many(self, solutions: Any, progress: Any = None) -> list[SolutionScore]:
        return [SolutionScore([0.9, 0.2, 0.9], [[0.9, 0.2, 0.9]], 9) for _ in solutions]


@pytest.mark.parametrize(
    ("text", "step", "said"),
    [
        ("7 - 2 is 5, so \\boxed{2}", 1, "7 - 2 is 5, so \\boxed{2}"),
        ("All is well: \\boxed{-1}", None, ""),
        ("There is no such step: \\boxed{9}", None, ""),
        ("I cannot say.", None, ""),
    ],
)
async def test_a_chat_model_blames_the_step_that_it_boxes(text: str, step: int | None, said: str) -> None:
    engine = ScriptedEngine(lambda _: text)
    critique = await JudgeCritic(engine, SamplingSettings())("p", PROBLEM, WRONG)
    assert (critique.step, critique.text) == (step, said)
    ((prompt, sampling),) = engine.requests
    assert critique.prompt_tokens == count_tokens(prompt)
    assert critique.tokens - critique.prompt_tokens == count_tokens(text)
    assert all(part in prompt for part in (PROBLEM, *WRONG))
    assert sampling.max_tokens == 2048
