"""The text of tokens: pieces, whole outputs, and which tokens can end a stop string."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

_BROKEN = "\ufffd"
_PARTS = 4096
"""Parts of prompts whose tokens are remembered."""


class Vocabulary:
    """A fast tokenizer seen as text. Safe to use from several threads: the tokenizer is never modified.

    Args:
        tokenizer: a tokenizers.Tokenizer.
        size: number of ids that the model can produce.
    """

    def __init__(self, tokenizer: Any, size: int) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._size = size
        self._anchor: int = tokenizer.encode("a", add_special_tokens=False).ids[-1]
        self._remembered = lru_cache(maxsize=_PARTS)(self._tokens)
        self._boundary = self._part_boundary()

    def encode(self, text: str) -> list[int]:
        """Token ids; special tokens in the text are parsed, none are added.

        Nothing is tokenised across a special token, so a conversation that has grown is only new from its last one
        on: what lies between special tokens is remembered.
        """
        if self._boundary is None:
            return list(self._tokens(text))
        return [token for part in self._boundary.split(text) if part for token in self._remembered(part)]

    def _tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _part_boundary(self) -> re.Pattern[str] | None:
        """Matches the special tokens; None where text after one is not tokenised as it is alone."""
        specials = [
            token.content
            for token in self._tokenizer.get_added_tokens_decoder().values()
            if token.special and not (token.lstrip or token.rstrip or token.single_word)
        ]
        if not specials:
            return None
        boundary = re.compile(
            "(" + "|".join(re.escape(one) for one in sorted(specials, key=len, reverse=True)) + ")"
        )
        probe = specials[0].join(("a b", "a", " a", "\na"))
        parts = [token for part in boundary.split(probe) for token in self._tokens(part)]
        return boundary if parts == list(self._tokens(probe)) else None

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids` as it reads after other text (a leading space is kept), special tokens included."""
        text: str = self._tokenizer.decode([self._anchor, *ids], skip_special_tokens=False)
        return text[len(self._lead) :]

    @cached_property
    def _lead(self) -> str:
        lead: str = self._tokenizer.decode([self._anchor], skip_special_tokens=False)
        return lead

    @cached_property
    def pieces(self) -> list[str]:
        """Text of each single token; part of a character reads as U+FFFD."""
        pairs = [[self._anchor, token] for token in range(self._size)]
        texts = self._tokenizer.decode_batch(pairs, skip_special_tokens=False)
        return [text[len(self._lead) :] for text in texts]

    def enders(self, stops: Sequence[str]) -> np.ndarray:
        """Which tokens (size,) may complete one of `stops`: those whose text holds its last character."""
        last = {stop[-1] for stop in stops}
        # A character outside ASCII may be completed by a token that holds only its last bytes.
        if any(ord(character) > 127 for character in last):
            last.add(_BROKEN)
        return np.array([not last.isdisjoint(piece) for piece in self.pieces], dtype=bool)


def first_stop(text: str, stops: Sequence[str]) -> tuple[str, int] | None:
    """The stop string that is complete first in `text`, with the position after it; the longest if several."""
    found = [(text.find(stop), stop) for stop in stops]
    ends = [(at + len(stop), -len(stop), stop) for at, stop in found if at >= 0]
    if not ends:
        return None
    end, _, stop = min(ends)
    return stop, end
