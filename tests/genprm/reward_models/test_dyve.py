"""Dyve: a turn per step, up to the first that is not approved."""

from __future__ import annotations

import pytest

from genprm.reward_models.dyve import Dyve, read_sign
from tests.genprm.scripted_engine import ScriptedEngine

ASK = "Is this step correct? You must answer with '+' for correct or '-' for incorrect in the end of your response."


def reply(prompt: str) -> str:
    step = prompt.rpartition("<|user|>\n")[2]
    return "<think>5 + 5\n</think> -" if "wrong" in step else "<think>\n\n</think> +"


async def test_the_conversation_keeps_of_each_reply_only_the_plus() -> None:
    engine = ScriptedEngine(reply)
    score = await Dyve(engine).score("How many?", ["One.", "Two.", "wrong", "Four."])

    assert score.rewards == [1.0, 1.0, 0.0]
    assert score.path_rewards == [score.rewards]
    prompts = [prompt for prompt, _ in engine.requests]
    assert prompts[0] == f"<|user|>\nProblem: How many?\n\nStep: One.\n\n{ASK}<|end|>\n<|assistant|>\n"
    assert prompts[1] == f"{prompts[0]}+<|end|>\n<|user|>\nStep: Two.\n\n{ASK}<|end|>\n<|assistant|>\n"
    assert len(prompts) == 3, "the step behind the error is not asked for"
    assert {(sampling.temperature, sampling.max_tokens) for _, sampling in engine.requests} == {(0.0, 1024)}
    assert score.tokens > 0
    assert score.prompt_tokens > 0


async def test_steps_that_the_context_has_no_room_for_are_undecided() -> None:
    score = await Dyve(ScriptedEngine(reply, max_context=150)).score(
        "How many?", ["One.", "Two.", "Three.", "Four."]
    )
    assert score.rewards[0] == 1.0
    assert score.rewards[-1] == 0.5
    assert len(score.rewards) == 4


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("+", True),
        ("<think>It holds.</think>\n\n**+**", True),
        ("The step is correct. '+'.", True),
        ("\\boxed{+}", True),
        ("-", False),
        ("3 + 4 is 7, not 8: -", False),
        ("so the sum is 3 + 4", False),
        ("", False),
    ],
)
def test_the_sign_at_the_end_counts(text: str, right: bool) -> None:
    assert read_sign(text) is right
