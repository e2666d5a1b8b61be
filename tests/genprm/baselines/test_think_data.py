"""Chains for ThinkPRM: what one looks like, which are kept, and that the reader of the adapter agrees."""

from __future__ import annotations

import pytest

from genprm.baselines.discriminative_data import LabelledSolution
from genprm.baselines.think_data import verification_chains
from genprm.baselines.think_prm import OPENING, question, read_verdicts
from genprm.records import Message, Provenance, Rationale, StepVerification, Verification
from genprm.settings import TurnFormat

FORM = TurnFormat(analyze_lead="Let's analyze the Paragraph {number} step by step: ")
STEPS = ["Step 1: 3 + 4 = 7.", "Step 2: 7 - 1 = 5.", "Step 3: The answer is 5."]


def judged(number: int, analysis: str, verdict: str) -> StepVerification:
    lead = FORM.analyze_lead.format(number=number)
    text = f"<analyze>\n{lead}{analysis}\n</analyze>\n<verify>\n```python\nprint(3 + 4)\n```\n</verify>\n"
    reward = 0.9 if verdict == "Yes" else 0.1
    whole = f"{lead}{analysis}".strip()
    return StepVerification(text, whole, "print(3 + 4)", "7", reward, verdict, False, ["ok"], 9)


def rationale(analyses: list[str], error: int, name: str = "s") -> Rationale:
    """Judgements of the first steps; the 0-based step `error` is judged wrong."""
    steps = [judged(n + 1, text, "No" if n == error else "Yes") for n, text in enumerate(analyses)]
    verification = Verification(name, 0, "full", steps, 0, 0, Provenance("scripted", "1", "raw"), [])
    return Rationale(name, "How many?", STEPS, error, verification)


def solution(labels: list[int], name: str = "s") -> LabelledSolution:
    return LabelledSolution(name, "How many?", STEPS[: len(labels)], labels)


def test_a_chain_holds_analyses_and_verdicts_up_to_the_first_wrong_step() -> None:
    (made,) = verification_chains([rationale(["It adds.", "7 - 1 is 6."], 1)], [solution([1, 0])], FORM)
    assert made.id == "s"
    assert made.messages == [
        Message("user", question("How many?", STEPS)),
        Message(
            "assistant",
            "\nLet's verify step by step: Step 1: It adds.\nStep 1 is \\boxed{correct}.\n"
            "Step 2: 7 - 1 is 6.\nStep 2 is \\boxed{incorrect}.\nIs the solution correct? No",
        ),
    ]
    assert "Step 3: The answer is 5." in made.messages[0].content, "the whole solution is shown"
    assert read_verdicts(made.messages[1].content, 3) == [1.0, 0.0, 0.5]


def test_a_right_solution_ends_with_yes() -> None:
    (made,) = verification_chains([rationale(["a", "b", "c"], -1)], [solution([1, 1, 1])], FORM)
    answer = made.messages[1].content
    assert answer.startswith(f"{OPENING} Step 1: a\n")
    assert answer.endswith("Step 3 is \\boxed{correct}.\nIs the solution correct? Yes")
    assert "print" not in answer


@pytest.mark.parametrize(
    "analysis",
    [
        "In the end\nStep 1 was \\boxed{incorrect}",
        "Were it so,\nStep 3 would be \\boxed{correct}",
        "Is the solution correct? Not yet.",
        "That is all.</think>",
        "",
    ],
    ids=["another verdict", "a verdict too many", "the question", "the end of thinking", "no analysis"],
)
def test_a_chain_that_does_not_read_as_the_labels_is_left_out(analysis: str) -> None:
    rationales = [rationale(["It adds.", analysis], 1), rationale(["Fine.", "7 - 1 is 6."], 1, "t")]
    made = verification_chains(rationales, [solution([1, 0]), solution([1, 0], "t")], FORM)
    assert [example.id for example in made] == ["t"]


def test_an_analysis_may_quote_other_steps_and_change_its_mind() -> None:
    analysis = "From\nStep 1: 7. So \\boxed{7}.\nStep 2 looks \\boxed{correct}, but 7 - 1 is 6."
    made = verification_chains([rationale(["It adds.", analysis], 1)], [solution([1, 0])], FORM)
    assert [read_verdicts(one.messages[1].content, 3) for one in made] == [[1.0, 0.0, 0.5]]


def test_labels_that_the_verdicts_do_not_match_keep_nothing() -> None:
    assert verification_chains([rationale(["a", "b"], 1)], [solution([0])], FORM) == []
    assert verification_chains([rationale(["a", "b", "c"], -1)], [solution([1, 0])], FORM) == []
