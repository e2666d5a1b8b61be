"""The outcome verifier: asked what it was trained on, and one number for the whole solution."""

from __future__ import annotations

import pytest

from genprm.reward_models.outcome_verifier import OutcomeVerifier
from genprm.reward_models.think_prm import TRAINED_HERE
from genprm.training.recipes.outcome import outcome_critiques
from genprm.training.think_data import verification_chains
from tests.genprm.reward_models.test_think_prm import engine
from tests.genprm.training.test_think_data import FORM, STEPS, rationale, solution


async def test_it_is_asked_what_it_was_trained_on() -> None:
    chains = verification_chains([rationale(["It adds.", "It takes.", "Yes."], -1)], [solution([1, 1, 1])], FORM)
    (critique,) = outcome_critiques(chains)
    question, answer = (message.content for message in critique.messages)
    written = answer.removeprefix("\nLet's verify step by step:").removesuffix("\nIs the solution correct? Yes")
    asked = engine(written)
    await OutcomeVerifier(asked, settings=TRAINED_HERE, generation_prompt=False).score("How many?", STEPS)
    (_, _), (whole, _) = asked.requests
    assert whole == f"<|user|>\n{question}<|end|>\n<|assistant|>\n{answer.removesuffix(' Yes')}"


@pytest.mark.parametrize("yes", [0.2, 0.6])
async def test_the_last_step_stands_for_the_solution(yes: float) -> None:
    score = await OutcomeVerifier(engine(" It says.", yes), settings=TRAINED_HERE).score("How many?", STEPS)
    assert score.outcome == pytest.approx(yes / 0.8)
    assert score.rewards == [1.0, 1.0, pytest.approx(yes / 0.8)]
    assert score.first_error(0.5) == (-1 if yes > 0.4 else 2)
