"""Tokens as text, and the strings that end a generation."""

from __future__ import annotations

import random
from typing import Any

import pytest
from transformers import AutoTokenizer

from genprm.engines.encoding import encoder_of
from genprm.engines.vocabulary import Vocabulary, cut_at_stop


@pytest.fixture(scope="module")
def tokenizer(model: str) -> Any:
    return AutoTokenizer.from_pretrained(model)


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Any) -> Vocabulary:
    return Vocabulary(tokenizer.backend_tokenizer, len(tokenizer))


@pytest.mark.parametrize(
    "text", ["Sam has 5 keys.\n\n", " leading space", "naïve 数学 🙂", "<analyze>x</analyze>\n"]
)
def test_text_survives_the_way_through_tokens(tokenizer: Any, vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.decode(encoder_of(tokenizer).encode(text)) == text


def test_a_conversation_has_the_tokens_that_the_tokenizer_gives_it(tokenizer: Any) -> None:
    draw = random.Random(1)
    pieces = [*tokenizer.all_special_tokens, "Sam", " has", "\n", " ", "5", "<analyze>", "```python\n", "数"]
    for _ in range(200):
        text = "".join(draw.choices(pieces, k=12))
        assert encoder_of(tokenizer).encode(text) == tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize("stops", [("\n",), ("</analyze>", "\n```\n"), ("}",), ("学",), ("🙂",)])
def test_whatever_completes_a_stop_is_an_ender(
    tokenizer: Any, vocabulary: Vocabulary, stops: tuple[str, ...]
) -> None:
    enders = vocabulary.enders(stops)
    draw = random.Random(0)
    for _ in range(300):
        text = "".join(draw.choices([*stops, "Sam", " ", "数", "5}", "```", "\n", "🙂", "<analyze>"], k=6))
        ids = encoder_of(tokenizer).encode(text)
        for end in range(1, len(ids) + 1):
            before, now = vocabulary.decode(ids[: end - 1]), vocabulary.decode(ids[:end])
            if sum(map(now.count, stops)) > sum(map(before.count, stops)):
                assert enders[ids[end - 1]]


@pytest.mark.parametrize(
    ("text", "stops", "cut"),
    [
        ("abc", ("x",), ("abc", None)),
        ("abcabc", ("c",), ("abc", "c")),
        ("abcd", ("d", "bc"), ("abc", "bc")),
        ("abcd", ("bc", "abc"), ("abc", "abc")),
        ("", ("a",), ("", None)),
    ],
)
def test_the_first_complete_stop_wins(text: str, stops: tuple[str, ...], cut: tuple[str, str | None]) -> None:
    assert cut_at_stop(text, stops) == cut
