"""The miniature's prompts, token for token: its models were trained on these, and its numbers follow from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from genprm.engines import resolve_model
from genprm.engines.loading import load_tokenizer
from genprm.engines.tokenizer import ModelTokenizer
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.solutions import right_steps
from genprm.profiles import load_profile
from genprm.records import TrainingExample
from genprm.reward_models.layouts import newline_rows
from genprm.settings import Profile
from genprm.steps import NUMBERED, prompt_messages, step_prefill
from genprm.training.tokens import encode_conversation
from genprm.verification.conversation import (
    VERDICT_LEAD,
    Verdict,
    analyze_prefill,
    conversation_messages,
    verify_prefill,
)
from tests.genprm.composed_turn import CodeRound, compose_turn

SOLUTIONS = [(problem.text, right_steps(problem)) for problem in generate_problems("foundation", 5, seed=7)]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("miniature")


def judged_turns(profile: Profile, steps: list[str], last: Verdict = "Yes") -> list[str]:
    rounds = [CodeRound("expected = 9 + 5\nprint(expected, expected == 14)", "14 True")]
    turn_format = profile.rationales.verifier.format
    verdicts: list[Verdict] = ["Yes"] * (len(steps) - 1) + [last]
    return [
        compose_turn(turn_format, number, f"9 + 5 = 14.{step}", rounds, verdict)
        for number, (step, verdict) in enumerate(zip(steps, verdicts, strict=True), start=1)
    ]


def prompts(profile: Profile, model: ModelTokenizer) -> Iterator[list[int]]:
    """What the policy, the completion model and the verifier are asked."""
    turn_format = profile.rationales.verifier.format
    for problem, steps in SOLUTIONS:
        asked = prompt_messages(profile.solutions.system, profile.solutions.prompt, problem)
        yield model.prompt(model.render(asked, profile.solutions.prefill))
        yield model.prompt(model.render(asked, step_prefill(NUMBERED, steps[:1])))
        turns = judged_turns(profile, steps)
        for index, turn in enumerate(turns):
            messages = conversation_messages(turn_format, problem, steps[: index + 1], turns[:index], "full")
            for prefill in (
                analyze_prefill(turn_format, index + 1),
                verify_prefill(turn_format),
                VERDICT_LEAD,
                turn,
            ):
                yield model.prompt(model.render(messages, prefill))
            yield model.prompt(model.render(messages, VERDICT_LEAD) + turn)


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def test_prompts(profile: Profile) -> None:
    ids = list(prompts(profile, ModelTokenizer(resolve_model("miniature/rationale"), 1024)))
    assert (len(ids), digest(ids)) == (85, "714aacebaf462761")


def test_training_tokens(profile: Profile) -> None:
    tokenizer = load_tokenizer(resolve_model("miniature/base"))
    rows = []
    for problem, steps in SOLUTIONS:
        turns = judged_turns(profile, steps, last="No")
        messages = conversation_messages(profile.rationales.verifier.format, problem, steps, turns, "full")
        row = encode_conversation(tokenizer, TrainingExample("c", messages), mask_code_output=True)
        rows.append([row.input_ids, row.labels])
    assert digest(rows) == "a067ce6852a742ab"


def test_tokens_of_the_discriminative_model() -> None:
    tokenizer = load_tokenizer(resolve_model("miniature/base"))
    rows = [newline_rows(tokenizer, problem, steps)[0] for problem, steps in SOLUTIONS]
    assert digest([[row.ids, row.marks] for row in rows]) == "1cc774bdbeb52e8c"
