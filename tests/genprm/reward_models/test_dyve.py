"""Dyve: a turn per step, up to the first that is not approved."""

from __future__ import annotations

import pytest

from genprm.reward_models.dyve import Dyve, approves, read_sign
from genprm.settings import DyveSettings
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


def as_published(response: str) -> bool:
    """The authors' ProcessBench script, written down anew."""
    content = response.strip().lower()
    parts = [content[-5:], " ".join(content.split()[-3:]), content[-15:]]
    parts.append(content[max(0, len(content) - len(content) // 5) :])
    return any("+" in part and "-" not in part for part in parts)


@pytest.mark.parametrize(
    "reply",
    [
        "+",
        "-",
        "",
        "The answer is +",
        "so the sum is 3 + 4",
        "3 - 4 and then the sum 3 + 4.",
        "It is 1 + 2, and that is what the step says, so I would call it wrong: -",
        "+ " + "word " * 40,
        "word " * 40 + "5 + 5 = 10 and this is therefore entirely right",
        "**+** - well",
    ],
)
def test_near_the_end_is_read_as_published(reply: str) -> None:
    assert approves(reply, "near the end") is as_published(reply)
    assert approves(reply, "anywhere") is ("+" in reply)


@pytest.mark.parametrize(("approval", "rewards"), [("near the end", [1.0]), ("at the end", [0.0])])
async def test_where_an_approval_has_to_stand_is_a_choice(approval: str, rewards: list[float]) -> None:
    engine = ScriptedEngine(lambda prompt: "The sum is 3 + 4")
    settings = DyveSettings.model_validate({"approval": approval})
    assert (await Dyve(engine, settings).score("How many?", ["One."])).rewards == rewards
