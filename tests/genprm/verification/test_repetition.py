"""Texts that go round in circles, and an analysis that is ended where it does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.settings import VerifierSettings
from genprm.verification.path import PIECE
from genprm.verification.repetition import LEAST, SEEN, loop_end, repeats_itself
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine

SENTENCE = "So the sum of the two numbers is 7 again, as it was before. "


def is_loop(text: str, times: int) -> bool:
    """By brute force: some passage stands `times` times at the end, and the repeats fill enough."""
    longest = len(text) // times
    passages = (text[-size:] for size in range(1, longest + 1))
    filled = ((passage, max(times, -(-LEAST // len(passage)))) for passage in passages if passage.strip())
    return any(text.endswith(passage * count) for passage, count in filled)


@given(st.text("ab ", max_size=12), st.text("ab ", min_size=1, max_size=30), st.integers(0, 80), st.integers(2, 4))
def test_a_loop_is_found_where_brute_force_finds_one(start: str, passage: str, repeats: int, times: int) -> None:
    text = start + passage * repeats
    end = loop_end(text, times)
    assert (end is not None) == is_loop(text, times)
    if end is not None:
        assert is_loop(text[:end], times)


@pytest.mark.parametrize(
    "text",
    [
        "",
        SENTENCE * 2,
        "7 + 4 = 11. 11 - 2 = 9. " + "-" * 60,
        "\n" * 500,
        "".join(f"Step {n}: {n} + 1 = {n + 1}.\n" for n in range(60)),
    ],
)
def test_what_is_no_loop(text: str) -> None:
    assert loop_end(text, 3) is None


def test_a_loop_longer_than_what_is_looked_at_is_found() -> None:
    assert repeats_itself("We add. " + SENTENCE * (2 * SEEN // len(SENTENCE)))


def rambling(prompt: str) -> str:
    return "Yes" if prompt.endswith("boxed{") else SENTENCE * 200


async def test_an_analysis_that_repeats_itself_is_ended_and_the_verdict_asked_for() -> None:
    used = []
    for repeats in (None, 3):
        engine = ScriptedEngine(rambling, lambda prompt: {"Yes": math.log(0.9), "No": math.log(0.1)})
        verification = await Verifier(engine, None, VerifierSettings(repeats=repeats)).verify(
            "c", "p", ["s"], "cot"
        )
        (step,) = verification.steps
        assert (step.verdict, step.forced, repeats_itself(step.analysis)) == ("Yes", True, True)
        used.append((step.tokens, step.analysis.count(SENTENCE.strip())))
    (all_tokens, _), (tokens, sentences) = used
    assert all_tokens > 2000
    assert (tokens, sentences) == (PIECE + 1, 3)


async def test_an_analysis_that_ends_is_the_same_in_pieces() -> None:
    words = " ".join(f"word{n}" for n in range(2 * PIECE))
    whole = f"{words}.\n</analyze>\n"

    def reply(prompt: str) -> str:
        written = prompt.partition("step by step: ")[2]
        return "Yes" if prompt.endswith("boxed{") else whole[len(written) :]

    texts = []
    for repeats in (None, 2):
        engine = ScriptedEngine(reply, lambda prompt: {"Yes": math.log(0.9), "No": math.log(0.1)})
        verification = await Verifier(engine, None, VerifierSettings(repeats=repeats)).verify(
            "c", "p", ["s"], "cot"
        )
        assert not verification.steps[0].forced
        texts.append(verification.steps[0].text)
    assert texts[0] == texts[1]
