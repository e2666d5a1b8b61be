"""LLM as a judge: critiques of whole solutions, and their vote on the first wrong step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from genprm.reward_models.judge import LLMJudge, prompt_text, read_index, vote
from genprm.settings import SamplingSettings
from tests.genprm.scripted_engine import ScriptedEngine

STEPS = ["One.", "Two.", "Three."]
SAMPLING = SamplingSettings(temperature=0.6, top_p=0.95, top_k=20, max_tokens=512)


def judge(replies: Sequence[str]) -> tuple[LLMJudge, ScriptedEngine]:
    waiting = iter(replies)
    engine = ScriptedEngine(lambda prompt: next(waiting))
    return LLMJudge(engine, SAMPLING, votes=len(replies)), engine


async def test_the_step_named_most_often_is_the_verdict() -> None:
    model, _ = judge(["\\boxed{2}", "\\boxed{-1}", "So \\boxed{2}.", "I do not know."])
    score = await model.score("How many?", STEPS)
    assert score.verdict == 1
    assert score.rewards == pytest.approx([1.0, 1 / 3, 1 / 3])
    assert score.path_rewards == [[1, 0, 0], [1, 1, 1], [1, 0, 0], [0.5, 0.5, 0.5]]


async def test_a_judge_that_names_no_step_is_never_right() -> None:
    model, _ = judge(["I do not know."])
    score = await model.score("How many?", STEPS)
    assert score.verdict == len(STEPS)
    assert score.rewards == [0.5, 0.5, 0.5]


async def test_a_solution_that_the_context_has_no_room_for_has_no_verdict() -> None:
    engine = ScriptedEngine(lambda prompt: "\\boxed{-1}", max_context=100)
    score = await LLMJudge(engine, SAMPLING, votes=2).score("How many?", STEPS * 20)
    assert score.verdict == len(STEPS) * 20
    assert score.path_rewards == [[0.5] * 60] * 2


async def test_critiques_are_sampled_as_asked_and_each_with_its_own_seed() -> None:
    model, engine = judge(["\\boxed{-1}"] * 3)
    await model.score("How many?", STEPS)
    assert len({prompt for prompt, _ in engine.requests}) == 1
    assert len({sampling.seed for _, sampling in engine.requests}) == 3
    assert all(s.temperature == 0.6 and s.top_k == 20 and s.max_tokens == 512 for _, s in engine.requests)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("\\boxed{1}", 0),
        ("\\boxed{ 3 }", 2),
        ("The answer \\boxed{7} is right: \\boxed{-1}", -1),
        ("\\boxed{0}", None),
        ("\\boxed{4}", None),
        ("\\boxed{none}", None),
        ("", None),
    ],
)
def test_the_last_box_counts_if_it_names_a_step(text: str, index: int | None) -> None:
    assert read_index(text, steps=3) == index


@pytest.mark.parametrize(
    ("indices", "expected"), [([1, 0, 0], 0), ([2, 0], 2), ([0, 2], 0), ([None, -1], -1), ([None, None], 3)]
)
def test_the_vote_breaks_ties_by_who_spoke_first(indices: list[int | None], expected: int) -> None:
    assert vote(indices, steps=3) == expected


def test_braces_in_a_problem_are_kept() -> None:
    text = prompt_text("Find $\\frac{1}{2}$ of {x}.", ["\\boxed{1}"])
    assert "Find $\\frac{1}{2}$ of {x}." in text
    assert "[Step 1]\n\\boxed{1}\n\n" in text
