"""Conversations are what the verifier makes of the same solutions, and their verdicts are true."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from genprm.engines.chat import render_chat
from genprm.engines.encoding import encode_text
from genprm.records import Message, TrainingExample
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings
from genprm.smol.conversations import JudgedSteps, conversations, draw_judged, suitable
from genprm.smol.mistakes import KINDS
from genprm.smol.rationales import analysis
from genprm.smol.recipe import VERIFIER, Recipe
from genprm.smol.wording import Wording
from genprm.smol.worked import WorkedSolution, read_worked
from genprm.training.tokens import encode_conversation
from genprm.verification.conversation import parse_turn
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.training.conftest import small_tokenizer

RECIPE = Recipe()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox(SandboxSettings(seconds=60.0))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def judged(solutions: list[WorkedSolution]) -> list[JudgedSteps]:
    return list(draw_judged(suitable(solutions, RECIPE), 150, RECIPE))


def printed(code: str) -> str:
    """What code prints in this process: an oracle that has nothing to do with the sandbox."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})
    return out.getvalue().strip()


async def test_right_steps_are_called_right_and_each_wrong_one_is_caught(
    judged: list[JudgedSteps], sandbox: Sandbox
) -> None:
    examples = await conversations(judged, sandbox, VERIFIER.format)

    for one, example in zip(judged, examples, strict=True):
        turns = [parse_turn(message.content) for message in example.messages if message.role == "assistant"]
        assert [turn.output for turn in turns] == [printed(turn.code) for turn in turns]
        assert ["False" in turn.output for turn in turns] == [turn.verdict == "No" for turn in turns]
        wrong = [index for index, turn in enumerate(turns) if turn.verdict == "No"]
        assert wrong == ([] if one.mistake is None else [len(one.texts) - 1])
        assert not any(turn.output.endswith("Error") for turn in turns)


def test_every_kind_of_mistake_is_there(solutions: list[WorkedSolution]) -> None:
    drawn = Counter(one.mistake for one in draw_judged(suitable(solutions, RECIPE), 1000, RECIPE))

    assert set(drawn) == {None, *KINDS}
    assert min(drawn.values()) > 20
    assert drawn[None] / 1000 == pytest.approx(1 - RECIPE.wrong_share, abs=0.05)


def test_a_seed_decides_what_is_drawn(solutions: list[WorkedSolution]) -> None:
    ten = list(draw_judged(solutions, 10, RECIPE))

    assert ten == list(draw_judged(solutions, 20, RECIPE))[:10]
    assert ten != list(draw_judged(solutions, 10, Recipe(seed=1)))


def test_no_solutions_are_refused() -> None:
    with pytest.raises(ValueError, match="solutions is empty"):
        list(draw_judged([], 1, RECIPE))


def test_numbers_from_nowhere_are_wrong(judged: list[JudgedSteps], solutions: list[WorkedSolution]) -> None:
    """A right step never has one, so that a model can take one as a sign."""
    for one in draw_judged(suitable(solutions, RECIPE), 500, replace(RECIPE, wrong_share=0.0)):
        for checks in one.checks:
            assert "nowhere" not in analysis(checks, one.solution.problem)


def test_steps_hold_all_sentences_in_order(judged: list[JudgedSteps]) -> None:
    for one in judged:
        assert sum(one.sizes) == len(one.claimed)
        assert max(one.sizes) <= RECIPE.most_joined
        rest = " ".join(one.texts)
        for sentence in one.claimed:
            assert sentence.before in rest
            rest = rest.partition(sentence.before)[2] if sentence.before else rest
        for text, checks in zip(one.texts, one.checks, strict=True):
            assert all(
                f"= {check.claimed.sign}{check.claimed.shown}" in text.replace("\\$", "$") for check in checks
            )


def test_steps_have_none_one_and_several_calculations(judged: list[JudgedSteps]) -> None:
    """As those of language models do: ProcessBench GSM8K has a third of each."""
    counted = Counter(min(len(checks), 2) for one in judged for checks in one.checks)

    assert min(counted.values()) / counted.total() > 0.1
    assert set(counted) == {0, 1, 2}


def test_a_number_of_the_same_step_is_named_so() -> None:
    worked = read_worked("Ann has 3 hens and 2 ducks.", "Birds: 3+2=<<3+2=5>>5.\nLegs: 5*2=<<5*2=10>>10.\n#### 10")
    assert worked is not None
    together = JudgedSteps(worked, worked.sentences, (2,), None, Wording())
    apart = JudgedSteps(worked, worked.sentences, (1, 1), None, Wording())

    assert "5: this step." in analysis(together.checks[0], worked.problem)
    assert "5: step 1." in analysis(apart.checks[1], worked.problem)


class Reciter(ScriptedEngine):
    """Goes on with a known conversation, and fails where it is asked with another beginning of it."""

    def __init__(self, tokenizer: Any, example: TrainingExample) -> None:
        super().__init__(self._continuation, self._next_word)
        self._tokenizer = tokenizer
        self._text = str(render_chat(tokenizer, "reciter", example.messages))
        self._ids = encode_conversation(tokenizer, example, mask_code_output=True).input_ids

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return render_chat(self._tokenizer, "reciter", messages, prefill)

    def _continuation(self, prompt: str) -> str:
        assert self._text.startswith(prompt)
        ids = encode_text(self._tokenizer, prompt)
        assert self._ids[: len(ids)] == ids
        return self._text[len(prompt) :]

    def _next_word(self, prompt: str) -> dict[str, float]:
        return {self._continuation(prompt).partition("}")[0]: -0.1, "Maybe": -9.0}


async def recite(tokenizer: Any, judged: Sequence[JudgedSteps], sandbox: Sandbox) -> None:
    for one, example in zip(judged, await conversations(judged, sandbox, VERIFIER.format), strict=True):
        engine = Reciter(tokenizer, example)
        settings = VERIFIER.model_copy(
            update={"sampling": VERIFIER.sampling.model_copy(update={"max_tokens": 2000})}
        )
        result = await Verifier(engine, sandbox, settings).verify("x", one.solution.problem, one.texts, "full")

        turns = [message.content for message in example.messages if message.role == "assistant"]
        assert [step.text for step in result.steps] == turns
        assert not any(step.forced for step in result.steps)


async def test_the_verifier_makes_the_same_conversation(judged: list[JudgedSteps], sandbox: Sandbox) -> None:
    await recite(small_tokenizer(), judged[:12], sandbox)


@pytest.mark.slow
async def test_tokens_are_those_at_inference(
    smol_tokenizer: Any, judged: list[JudgedSteps], sandbox: Sandbox
) -> None:
    await recite(smol_tokenizer, judged[:25], sandbox)
