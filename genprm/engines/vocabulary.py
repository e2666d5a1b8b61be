"""The text of tokens: pieces, whole outputs, and which tokens can end a stop string."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

_BROKEN = "\ufffd"


class Vocabulary:
    """The tokens of a fast tokenizer seen as text. Safe to use from several threads.

    Args:
        tokenizer: a tokenizers.Tokenizer.
        size: number of ids that the model can produce.
    """

    def __init__(self, tokenizer: Any, size: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._anchor: int = tokenizer.encode("a", add_special_tokens=False).ids[-1]

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
        """Which tokens (size,) may complete one of `stops`: those whose text holds the last character of a stop."""
        last = {stop[-1] for stop in stops}
        # A character outside ASCII may be completed by a token that holds only its last bytes.
        if any(ord(character) > 127 for character in last):
            last.add(_BROKEN)
        return np.array([not last.isdisjoint(piece) for piece in self.pieces], dtype=bool)


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The text up to the end of the stop string that is complete first, and this stop string (the longest if
    several); the whole text and None where there is none."""
    found = [(text.find(stop), stop) for stop in stops]
    ends = [(at + len(stop), -len(stop), stop) for at, stop in found if at >= 0]
    if not ends:
        return text, None
    end, _, stop = min(ends)
    return text[:end], stop
