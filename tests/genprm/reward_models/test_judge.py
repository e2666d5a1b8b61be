"""LLM as a judge: critiques of whole solutions, and their vote on the first wrong step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from genprm.reward_models.judge import LLMJudge, judge_sampling, prompt_text, read_index, vote
from genprm.settings import JudgeSettings, SamplingSettings
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
        ("Step \\boxed{1} is wrong, the answer is \\boxed{x}", None),
        ("", None),
    ],
)
def test_the_last_box_counts_if_it_names_a_step(text: str, index: int | None) -> None:
    assert read_index(text, steps=3) == index


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        (["2", "1", "1"], 0),
        (["3", "1"], 2),
        (["1", "3"], 0),
        ([None, "-1"], -1),
        ([None, None], 3),
        (["9", "9", "1"], 3),
        (["none", "none", "-1"], 3),
        (["1", "none", "2", "1"], 0),
    ],
)
def test_the_vote_breaks_ties_by_who_spoke_first(boxes: list[str | None], expected: int) -> None:
    """As ProcessBench counts (`run_eval.py`): what stands in the last box is a vote, whatever it is; one that is no
    step of the solution is never right."""
    assert vote(boxes, steps=3) == expected


async def test_the_last_box_counts_even_if_it_is_no_number() -> None:
    model, _ = judge(["\\boxed{2} and so \\boxed{wrong}"])
    assert (await model.score("How many?", STEPS)).verdict == len(STEPS)


@pytest.mark.parametrize(
    ("model", "votes", "sampling"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 1, (0.0, 1.0, 0, 8192)),
        ("Qwen/Qwen2.5-7B-Instruct", 8, (1.0, 0.9, 0, 8192)),
        ("Qwen/QwQ-32B-Preview", 1, (0.0, 1.0, 0, 32768)),
        ("Qwen/Qwen2.5-Math-72B-Instruct", 8, (0.7, 0.8, 20, 8192)),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", 8, (1.0, 0.9, 0, 32768)),
    ],
)
def test_critiques_are_sampled_as_processbench_does(
    model: str, votes: int, sampling: tuple[float, float, int, int]
) -> None:
    found = judge_sampling(model, votes, JudgeSettings())
    assert (found.temperature, found.top_p, found.top_k, found.max_tokens) == sampling


def test_settings_take_the_place_of_what_processbench_does() -> None:
    found = judge_sampling("Qwen/QwQ-32B", 8, JudgeSettings(temperature=0.6, top_k=20, max_tokens=100))
    assert (found.temperature, found.top_p, found.top_k, found.max_tokens) == (0.6, 0.9, 20, 100)


async def test_critiques_that_are_cut_or_empty_are_counted() -> None:
    replies = ["\\boxed{2}", "so " * 600, ""]
    model, _ = judge(replies)
    await model.score("How many?", STEPS)
    counts = model.verdict_counts()
    assert (counts.verdicts, counts.missing, counts.texts, counts.cut, counts.empty) == (3, 2, 3, 1, 1)


def test_braces_in_a_problem_are_kept() -> None:
    text = prompt_text("Find $\\frac{1}{2}$ of {x}.", ["\\boxed{1}"])
    assert "Find $\\frac{1}{2}$ of {x}." in text
    assert "[Step 1]\n\\boxed{1}\n\n" in text
