"""The critic: what goes back to the policy, when it ends, and what the turns add up to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from genprm.domains.mathematics import MATHEMATICS
from genprm.engines.base import Engine
from genprm.journal import Journal, row_key
from genprm.scaling.critics import Critic, Critique
from genprm.scaling.refinement import Attempt, Refinement, Refiner, refinement_messages, score_turns
from genprm.settings import RefinementSettings
from tests.genprm.scripted_engine import ScriptedEngine, count_tokens

PROBLEM = "What is 3 + 4 - 2?"
WRONG = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6, wrong", "Step 3: The answer is \\boxed{6}."]
RIGHT_TEXT = " 3 + 4 = 7\n\nStep 2: 7 - 2 = 5. The answer is \\boxed{5}."


T = TypeVar("T")


async def blames_second(case_id: str, problem: str, steps: Sequence[str]) -> Critique:
    """Finds fault with the second step while the answer is not 5."""
    wrong = "5" not in steps[-1]
    return Critique(1 if wrong else None, "7 - 2 is 5." if wrong else "", tokens=100)


class Ready:
    """Policy and critics that are all open."""

    def __init__(self, policy: Engine, **critics: Critic) -> None:
        self._policy = policy
        self._critics = critics
        self.opened: list[str] = []

    def critic(self, name: str) -> tuple[str, Critic]:
        self.opened.append(name)
        return f"weights of {name}", self._critics[name]

    def policy(self) -> tuple[str, Engine]:
        self.opened.append("policy")
        return "weights of the policy", self._policy

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)


def key(what: str, version: str, case: Refinement) -> str:
    return row_key(what, version, case.case_id, [(one.steps, one.critique) for one in case.attempts])


START = Refinement("p", PROBLEM, "5", (Attempt(0, tuple(WRONG), "6", False, None, 0, 0),))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "rows.jsonl") as opened:
        yield opened


def refined(
    journal: Journal, policy: ScriptedEngine, settings: RefinementSettings | None = None
) -> tuple[Attempt, ...]:
    """The attempts at one solution under one critic."""
    workshop = Ready(policy, strict=blames_second)
    refiner = Refiner(settings or RefinementSettings(), MATHEMATICS, workshop, journal, key)
    (case,) = refiner.refine(["strict"], [START])["strict"]
    return case.attempts


def test_a_wrong_solution_is_rewritten_until_nothing_is_wrong(journal: Journal) -> None:
    policy = ScriptedEngine(lambda _: RIGHT_TEXT)
    attempts = refined(journal, policy)
    assert [(one.turn, one.correct, one.final_answer) for one in attempts] == [(0, False, "6"), (1, True, "5")]
    assert attempts[-1].steps == ("Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 5. The answer is \\boxed{5}.")
    assert [one.critic_tokens for one in attempts] == [100, 100]
    ((prompt, _),) = policy.requests
    assert attempts[1].policy_prompt_tokens == count_tokens(prompt)
    assert attempts[1].policy_tokens == count_tokens(prompt) + count_tokens(RIGHT_TEXT)
    assert "> Step 2: 7 - 2 = 6, wrong" in prompt
    assert "7 - 2 is 5." in prompt
    assert prompt.endswith("<|assistant|>\nStep 1:")


def test_the_steps_before_the_wrong_one_can_be_kept(journal: Journal) -> None:
    policy = ScriptedEngine(lambda _: " 7 - 2 = 5. The answer is \\boxed{5}.")
    attempts = refined(journal, policy, RefinementSettings(keep_steps=True))
    ((prompt, _),) = policy.requests
    assert prompt.endswith("<|assistant|>\nStep 1: 3 + 4 = 7\n\nStep 2:")
    assert attempts[-1].correct
    assert attempts[-1].steps[0] == WRONG[0]


def test_refinement_ends_after_the_last_turn(journal: Journal) -> None:
    stubborn = ScriptedEngine(lambda _: " 3 + 4 = 7\n\nStep 2: so \\boxed{8}.")
    attempts = refined(journal, stubborn, RefinementSettings(turns=2))
    assert [one.turn for one in attempts] == [0, 1, 2]
    assert attempts[-1].critique is None


def test_a_text_that_is_no_numbered_solution_ends_it(journal: Journal) -> None:
    rambling = ScriptedEngine(lambda _: " hm.\n\nStep 7: so \\boxed{5}.")
    attempts = refined(journal, rambling)
    assert [(one.steps == (), one.correct) for one in attempts] == [(False, False), (True, False)]


def test_all_critiques_of_a_turn_come_before_its_rewrites_and_nobody_is_opened_for_nothing(
    journal: Journal,
) -> None:
    async def blames_nothing(case_id: str, problem: str, steps: Sequence[str]) -> Critique:
        return Critique(None, "", tokens=1)

    workshop = Ready(ScriptedEngine(lambda _: RIGHT_TEXT), strict=blames_second, mild=blames_nothing)
    refiner = Refiner(RefinementSettings(turns=3), MATHEMATICS, workshop, journal, key)
    phases: list[int] = []
    found = refiner.refine(["strict", "mild"], [START], phases.append)
    assert workshop.opened == ["strict", "mild", "policy", "strict"]
    assert {name: len(case.attempts) for name, (case,) in found.items()} == {"strict": 2, "mild": 1}
    assert phases == [1] * refiner.phases(2) == [1] * 9


def test_what_is_in_the_journal_is_not_done_again(journal: Journal) -> None:
    policy = ScriptedEngine(lambda _: RIGHT_TEXT)
    first = refined(journal, policy)
    assert refined(journal, policy) == first
    assert len(policy.requests) == 1
    assert len(journal) == 3  # critique, rewrite, critique


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
