"""What a policy learns is what the pipeline would take from it: numbered steps to the answer that people gave."""

from __future__ import annotations

from pathlib import Path

from genprm.answers.checker import quick_decision
from genprm.engines.chat import render_chat
from genprm.profiles import load_profile
from genprm.smol.parts import policy_solutions
from genprm.smol.policy import policy_conversations
from genprm.smol.recipe import Recipe
from genprm.smol.worked import WorkedSolution
from genprm.steps import final_answer, prompt_messages, split_steps
from tests.genprm.training.conftest import small_tokenizer

ASKED = load_profile("smol").solutions


def test_a_solution_is_one_that_the_pipeline_calls_right(data_dir: Path) -> None:
    solutions = policy_solutions(Recipe(), data_dir)
    answers = {one.id: one.answer for one in solutions}

    for example in policy_conversations(solutions, 300, 0):
        said = example.messages[-1].content
        steps = split_steps(said)
        found = final_answer(said)
        assert steps is not None
        assert len(steps) > 1
        assert found is not None
        assert quick_decision(answers[example.id], found)


def test_it_is_asked_as_the_profile_asks(solutions: list[WorkedSolution]) -> None:
    tokenizer = small_tokenizer()
    for example in policy_conversations(solutions, 20, 0):
        problem = next(one.problem for one in solutions if one.id == example.id)
        asked = prompt_messages(ASKED.system, ASKED.prompt, problem)
        prompt = render_chat(tokenizer, "policy", asked, prefill=ASKED.prefill)
        assert render_chat(tokenizer, "policy", example.messages).startswith(prompt)


def test_more_solutions_begin_like_fewer(solutions: list[WorkedSolution]) -> None:
    few, more = (policy_conversations(solutions, count, 0) for count in (50, 200))

    assert more[:50] == few
    assert len({example.id for example in more}) == 200
    assert len(policy_conversations(solutions, 10**6, 0)) == len(solutions)


def test_the_completion_model_is_the_policy() -> None:
    profile = load_profile("smol")

    assert profile.monte_carlo.model == profile.solutions.model
    assert profile.monte_carlo.prompt == profile.solutions.prompt
