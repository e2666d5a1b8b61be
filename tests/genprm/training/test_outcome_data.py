"""Critiques for an outcome verifier: what was analysed, and one verdict on the whole."""

from __future__ import annotations

from genprm.records import Message, TrainingExample
from genprm.training.recipes.outcome import outcome_critiques
from genprm.training.think_data import verification_chains
from tests.genprm.training.test_think_data import FORM, rationale, solution


def test_a_critique_is_a_chain_without_verdicts_on_steps() -> None:
    chains = verification_chains([rationale(["It adds.", "7 - 1 is 6."], 1)], [solution([1, 0])], FORM)
    (made,) = outcome_critiques(chains)
    assert made.messages[1].content == (
        "\nLet's verify step by step: Step 1: It adds.\nStep 2: 7 - 1 is 6.\nIs the solution correct? No"
    )
    asked = made.messages[0].content
    assert "How many?" in asked
    assert "Step 3: The answer is 5.\n\nReview the proposed solution to determine whether its final answer" in asked
    assert "each step" not in asked


def test_what_others_wrote_keeps_its_sentences() -> None:
    (chain,) = verification_chains([rationale(["It adds.", "So."], -1)], [solution([1, 1])], FORM)
    theirs = Message("assistant", "\nLet's verify: the step is \\boxed{correct}\nIs the solution correct? Yes")
    (made,) = outcome_critiques([TrainingExample(chain.id, [chain.messages[0], theirs])])
    assert made.messages[1] == theirs
