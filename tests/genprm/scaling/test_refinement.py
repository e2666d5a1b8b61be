"""The critic: what goes back to the policy, when it ends, and what the turns add up to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from genprm.answers.checker import AnswerChecker
from genprm.engines.scripted import ScriptedEngine, count_tokens
from genprm.scaling.critics import Critique
from genprm.scaling.refinement import Attempt, refine, refinement_messages, score_turns
from genprm.settings import RefinementSettings

PROBLEM = "What is 3 + 4 - 2?"
WRONG = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6, wrong", "Step 3: The answer is \\boxed{6}."]
RIGHT_TEXT = " 3 + 4 = 7\n\nStep 2: 7 - 2 = 5. The answer is \\boxed{5}."


@pytest.fixture
def answers() -> Iterator[AnswerChecker]:
    with AnswerChecker() as checker:
        yield checker


async def blames_second(case_id: str, problem: str, steps: Sequence[str]) -> Critique:
    """Finds fault with the second step while the answer is not 5."""
    wrong = "5" not in steps[-1]
    return Critique(1 if wrong else None, "7 - 2 is 5." if wrong else "", tokens=100)


async def test_a_wrong_solution_is_rewritten_until_nothing_is_wrong(answers: AnswerChecker) -> None:
    policy = ScriptedEngine(lambda _: RIGHT_TEXT)
    attempts = await refine("p", PROBLEM, "5", WRONG, policy, blames_second, RefinementSettings(), answers)
    assert [(one.turn, one.correct, one.final_answer) for one in attempts] == [(0, False, "6"), (1, True, "5")]
    assert attempts[-1].steps == ("Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 5. The answer is \\boxed{5}.")
    assert [one.critic_tokens for one in attempts] == [100, 100]
    ((prompt, _),) = policy.requests
    assert attempts[1].policy_prompt_tokens == count_tokens(prompt)
    assert attempts[1].policy_tokens == count_tokens(prompt) + count_tokens(RIGHT_TEXT)
    assert "> Step 2: 7 - 2 = 6, wrong" in prompt
    assert "7 - 2 is 5." in prompt
    assert prompt.endswith("<|assistant|>\nStep 1:")


async def test_the_steps_before_the_wrong_one_can_be_kept(answers: AnswerChecker) -> None:
    policy = ScriptedEngine(lambda _: " 7 - 2 = 5. The answer is \\boxed{5}.")
    settings = RefinementSettings(keep_steps=True)
    attempts = await refine("p", PROBLEM, "5", WRONG, policy, blames_second, settings, answers)
    ((prompt, _),) = policy.requests
    assert prompt.endswith("<|assistant|>\nStep 1: 3 + 4 = 7\n\nStep 2:")
    assert attempts[-1].correct
    assert attempts[-1].steps[0] == WRONG[0]


async def test_refinement_ends_after_the_last_turn(answers: AnswerChecker) -> None:
    stubborn = ScriptedEngine(lambda _: " 3 + 4 = 7\n\nStep 2: so \\boxed{8}.")
    settings = RefinementSettings(turns=2)
    attempts = await refine("p", PROBLEM, "5", WRONG, stubborn, blames_second, settings, answers)
    assert [one.turn for one in attempts] == [0, 1, 2]
    assert attempts[-1].critique is None


async def test_a_text_that_is_no_numbered_solution_ends_it(answers: AnswerChecker) -> None:
    rambling = ScriptedEngine(lambda _: " hm.\n\nStep 7: so \\boxed{5}.")
    attempts = await refine("p", PROBLEM, "5", WRONG, rambling, blames_second, RefinementSettings(), answers)
    assert [(one.steps == (), one.correct) for one in attempts] == [(False, False), (True, False)]


def test_braces_of_the_solution_and_the_template_stay() -> None:
    settings = RefinementSettings(system=None, opening=None, request="Put it in \\boxed{}: {number} {step}")
    (message,) = refinement_messages(settings, "{problem}", ["Step 1: \\frac{1}{2} {step}"], Critique(0, "", 0))
    assert message.content == "Put it in \\boxed{}: 1 Step 1: \\frac{1}{2} {step}"


def attempt(turn: int, correct: bool) -> Attempt:
    return Attempt(turn, ("Step 1: x", "Step 2: y"), "1", correct, None, policy_tokens=10, critic_tokens=7)


def test_turns_are_scored_over_all_problems() -> None:
    """Four problems: kept right; made right; made wrong, then right again; never right."""
    paths = [[True], [False, True], [True, False, True], [False, False, False]]
    scores = score_turns([[attempt(t, correct) for t, correct in enumerate(path)] for path in paths], turns=2)
    assert [s.accuracy for s in scores] == [50.0, 50.0, 75.0]
    assert [(s.made_wrong, s.made_right) for s in scores] == [(0, 0), (1, 1), (0, 1)]
    # Attempts so far 4, 7, 9 of 10 tokens; judgements 0, 4, 7 of 7 tokens.
    assert [s.policy_tokens for s in scores] == [10.0, 17.5, 22.5]
    assert [s.critic_tokens for s in scores] == [0.0, 7.0, 12.25]
