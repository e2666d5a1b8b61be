"""Tokens as text, and the strings that end a generation."""

from __future__ import annotations

import random

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from genprm.engines.vocabulary import Vocabulary, first_stop


@pytest.fixture(scope="module")
def vocabulary(model: str) -> Vocabulary:
    tokenizer = AutoTokenizer.from_pretrained(model)
    return Vocabulary(tokenizer.backend_tokenizer, len(tokenizer))


@pytest.mark.parametrize(
    "text", ["Sam has 5 keys.\n\n", " leading space", "naïve 数学 🙂", "<analyze>x</analyze>\n"]
)
def test_text_survives_the_way_through_tokens(vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_a_conversation_has_the_tokens_that_the_tokenizer_gives_it(model: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    vocabulary = Vocabulary(tokenizer.backend_tokenizer, len(tokenizer))
    draw = random.Random(1)
    pieces = [*tokenizer.all_special_tokens, "Sam", " has", "\n", " ", "5", "<analyze>", "```python\n", "数"]
    for _ in range(200):
        text = "".join(draw.choices(pieces, k=12))
        assert vocabulary.encode(text) == tokenizer.encode(text, add_special_tokens=False)


def test_a_tokenizer_that_marks_beginnings_is_given_the_whole_text() -> None:
    """Such a tokenizer reads the same word differently at the beginning of a text."""
    tokenizer = Tokenizer(models.WordLevel({"<s>": 0, "\u2581a": 1, "a": 2, "?": 3}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.add_special_tokens(["<s>"])

    assert Vocabulary(tokenizer, 4).encode("a<s>a") == [1, 0, 2] == tokenizer.encode("a<s>a").ids


@pytest.mark.parametrize("stops", [("\n",), ("</analyze>", "\n```\n"), ("}",), ("学",), ("🙂",)])
def test_whatever_completes_a_stop_is_an_ender(vocabulary: Vocabulary, stops: tuple[str, ...]) -> None:
    enders = vocabulary.enders(stops)
    draw = random.Random(0)
    for _ in range(300):
        text = "".join(draw.choices([*stops, "Sam", " ", "数", "5}", "```", "\n", "🙂", "<analyze>"], k=6))
        ids = vocabulary.encode(text)
        for end in range(1, len(ids) + 1):
            before, now = vocabulary.decode(ids[: end - 1]), vocabulary.decode(ids[:end])
            if sum(map(now.count, stops)) > sum(map(before.count, stops)):
                assert enders[ids[end - 1]]


@pytest.mark.parametrize(
    ("text", "stops", "found"),
    [
        ("abc", ("x",), None),
        ("abcabc", ("c",), ("c", 3)),
        ("abcd", ("d", "bc"), ("bc", 3)),
        ("abcd", ("bc", "abc"), ("abc", 3)),
        ("", ("a",), None),
    ],
)
def test_the_first_complete_stop_wins(text: str, stops: tuple[str, ...], found: tuple[str, int] | None) -> None:
    assert first_stop(text, stops) == found
