"""Chains for ThinkPRM: what one looks like, which are kept, and that the reader of the adapter agrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genprm.engines.chat import render_chat
from genprm.miniature.foundry.tokenizer import build_tokenizer
from genprm.records import Message, Provenance, Rationale, StepVerification, Verification
from genprm.reward_models.think_prm import OPENING, QUESTION, question, read_verdicts
from genprm.settings import EngineSettings, TrainingSettings, TurnFormat
from genprm.training import TrainingJob
from genprm.training.discriminative_data import LabelledSolution
from genprm.training.think_data import verification_chains
from genprm.training.tokens import encode_conversation
from tests.genprm.reward_models.conftest import CHATML, QWEN_SPECIAL, byte_tokenizer, open_model, write_checkpoint
from tests.genprm.training.train_here import train_here

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


def merging_tokenizer() -> Any:
    """Words with their spaces, and line breaks with the sign before them, are one token, as Qwen has it."""
    pieces = [" Yes", " No", ":\n", ".\n", "\n\n"]
    return byte_tokenizer(QWEN_SPECIAL, pieces, eos_token="<|im_end|>", chat_template=CHATML)


@pytest.mark.parametrize("made_by", [merging_tokenizer, build_tokenizer])
def test_what_is_asked_is_what_was_trained_on_token_for_token(made_by: Callable[[], Any]) -> None:
    """The prompt that the adapter begins with, and the one that ends with its question, begin the training row. In
    the miniature a space is a token of its own."""
    tokenizer = made_by()
    (made,) = verification_chains([rationale(["It adds.", "7 - 1 is 6."], 1)], [solution([1, 0])], FORM)
    row = encode_conversation(tokenizer, made, mask_code_output=True)
    asked = render_chat(tokenizer, "model", made.messages[:1], prefill=OPENING)
    thought = made.messages[1].content.removeprefix(OPENING).partition(QUESTION)[0]
    for prompt in (asked, asked + thought + QUESTION):
        ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        assert row.input_ids[: len(ids)] == ids
    learnt = [label for label in row.labels if label >= 0]
    assert tokenizer.decode(learnt).strip() == made.messages[1].content.strip() + "<|im_end|>"


@pytest.mark.slow
async def test_a_model_that_learnt_chains_verifies_whole_solutions(
    folder: Callable[[str], Path], tmp_path: Path
) -> None:
    from genprm.training import sft

    tokenizer = byte_tokenizer(QWEN_SPECIAL, eos_token="<|im_end|>", chat_template=CHATML)
    base = write_checkpoint(folder("base"), tokenizer, "Qwen2")
    rationales = [rationale(["a", "b", "c"], -1, "x"), rationale(["a", "b"], 1, "y")]
    examples = verification_chains(rationales, [solution([1, 1, 1], "x"), solution([1, 0], "y")], FORM)
    settings = TrainingSettings(
        epochs=30, learning_rate=1e-2, batch_size=2, device_batch_size=2, max_length=2048, precision="fp32"
    )
    out = tmp_path / "out"
    job = TrainingJob(base.path, settings, False, out, {"adapter": "thinkprm"})
    report = train_here(sft.train, examples, job)
    assert (report.examples, report.dropped) == (2, 0)
    assert report.losses[-1].loss < report.losses[0].loss / 2
    model: Any = open_model(str(out), EngineSettings(backend="transformers", max_context=1024), votes=2)
    score = await model.score("How many?", STEPS)
    await model.engine.close()
    assert len(score.rewards) == 3
    assert len(score.path_rewards) == 2
    assert score.outcome is not None
    assert 0 <= score.outcome <= 1
