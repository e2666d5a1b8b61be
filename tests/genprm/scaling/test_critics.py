"""Critics: which step they blame, and what they say of it."""

from __future__ import annotations

import pytest

from genprm.modes import Mode
from genprm.scaling.critics import JudgeCritic, RewardCritic
from genprm.settings import SamplingSettings, VerifierSettings
from genprm.verification.verifier import Verifier
from genprm.verification.voting import Voting
from tests.genprm.scripted_engine import ScriptedEngine, count_tokens
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

PROBLEM = "What is 3 + 4 - 2?"
WRONG = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6, wrong", "Step 3: The answer is \\boxed{6}."]


async def test_a_reward_model_as_critic_names_the_first_wrong_step_and_quotes_its_analysis() -> None:
    critic = RewardCritic(Verifier(judge_engine(), EchoSandbox(), VerifierSettings()), Voting(Mode.FULL, 3))
    critique = await critic("p", PROBLEM, WRONG)
    assert critique.step == 1
    assert critique.text == "Looks so."
    # two steps on three paths, each with a block; what is not read is written
    assert critique.executions == 6
    assert 0 < critique.prompt_tokens < critique.tokens
    assert (await critic("p", PROBLEM, WRONG[:1])).step is None


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
