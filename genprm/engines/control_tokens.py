"""Control tokens: those that structure the turns of a chat. Text that people or models wrote never becomes one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from genprm.engines.prompts import Prompt, Span

_NONCHARACTERS = [chr(code) for code in range(0xFDD0, 0xFDF0)]
"""Noncharacters: code points that Unicode reserves for use within a program, so texts do not contain them."""
_PROBE = [{"role": role, "content": "1"} for role in ("user", "assistant", "user")]


class ControlTokens:
    """The control tokens of a tokenizer: special tokens, and added tokens that separate turns in its chat template.

    Added tokens that a template does not write, such as the tags of a turn format, are ordinary text.

    Args:
        tokenizer: a fast tokenizer of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        written = _plain_chat(tokenizer)
        named = set(tokenizer.all_special_tokens)
        self.tokens = {
            token.content: token
            for token in tokenizer.backend_tokenizer.get_added_tokens_decoder().values()
            if token.special or token.content in named or (token.content.strip() and token.content in written)
        }
        """By their text, as the tokenizer describes them."""
        longest_first = sorted(self.tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def find(self, text: str) -> tuple[Span, ...]:
        """Where a text spells out control tokens."""
        return tuple(match.span() for match in self._pattern.finditer(text))

    def disguise(self, texts: Sequence[str]) -> tuple[list[str], str]:
        """The texts with a mark put into each control token that they spell out, and the mark, empty if there is
        none."""
        if not any(map(self.find, texts)):
            return list(texts), ""
        mark = next(mark for mark in _NONCHARACTERS if not any(mark in text for text in texts))
        return [self._disguised(text, mark) for text in texts], mark

    def _disguised(self, text: str, mark: str) -> str:
        # Of two control tokens that overlap, the second is found only once the first is marked.
        while self.find(text):
            text = self._pattern.sub(lambda match: mark.join(match[0]), text)
        return text

    def prompt(self, rendered: str, mark: str) -> Prompt:
        """Make a Prompt of what a chat template rendered from disguised texts: drop the marks, and record the
        control tokens that the template itself wrote."""
        controls: list[Span] = []
        end = 0
        pieces = rendered.split(mark) if mark else [rendered]
        for piece in pieces:
            controls += [(end + begin, end + stop) for begin, stop in self.find(piece)]
            end += len(piece)
        return Prompt("".join(pieces), tuple(controls))


def _plain_chat(tokenizer: Any) -> str:
    """A chat of three turns as the tokenizer's template writes it; empty if it has no template that works."""
    if not tokenizer.chat_template:
        return ""
    try:
        return str(tokenizer.apply_chat_template(_PROBE, tokenize=False))
    except TemplateError:  # raised again when a conversation is rendered
        return ""
