"""Prompts as token ids: the template's control tokens as control tokens, everything else as text."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from genprm.engines.control_tokens import ControlTokens
from genprm.engines.prompts import Prompt, Span

_PARTS = 4096
"""How many parts of prompts have their tokens cached."""


class PromptEncoder:
    """Encodes prompts with one tokenizer, without adding special tokens.

    A `Prompt` says which of its characters are control tokens. A plain string does not, so all control tokens that
    it spells out count. Safe to use from several threads.

    Args:
        tokenizer: a fast tokenizer of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer.backend_tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.controls = ControlTokens(tokenizer)
        self._remembered = lru_cache(maxsize=_PARTS)(self._tokens)
        self._boundary = self._part_boundary()

    def encode(self, prompt: str) -> list[int]:
        """Token ids.

        No token spans a special token, so the text between two special tokens is encoded once and cached. Of a
        conversation that has grown, only the part after its last special token is new.
        """
        if self._poses(prompt):
            return self.encode_at(prompt)[0]
        if self._boundary is None:
            return list(self._tokens(prompt))
        return [token for part in self._boundary.split(prompt) if part for token in self._remembered(part)]

    def encode_at(self, prompt: str) -> tuple[list[int], list[Span]]:
        """Token ids, and the characters that each one covers."""
        if self._poses(prompt):
            parts = list(self._parts(prompt))
            return [token for ids, _ in parts for token in ids], [span for _, spans in parts for span in spans]
        encoding = self._tokenizer.encode(str(prompt), add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def _poses(self, prompt: str) -> bool:
        """Whether data in the prompt spells out a control token."""
        return isinstance(prompt, Prompt) and self.controls.find(prompt) != prompt.controls

    def _tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(str(text), add_special_tokens=False).ids)

    def _part_boundary(self) -> re.Pattern[str] | None:
        """Matches the special tokens; None if there are none, or text after one is not tokenised as alone."""
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

    def _parts(self, prompt: str) -> Iterator[tuple[Sequence[int], list[Span]]]:
        """Ids and spans of the parts of a Prompt: data and control tokens in turn."""
        assert isinstance(prompt, Prompt)
        text, end = str(prompt), 0
        for begin, stop in prompt.controls:
            token = self.controls.tokens[text[begin:stop]]
            data = text[end:begin].rstrip() if token.lstrip else text[end:begin]
            yield self._data(data, end)
            yield [self._tokenizer.token_to_id(token.content)], [(begin, stop)]
            end = stop
            if token.rstrip:
                end += len(text[end:]) - len(text[end:].lstrip())
        yield self._data(text[end:], end)

    def _data(self, text: str, start: int) -> tuple[list[int], list[Span]]:
        """Encode data that begins at character `start`; no id is a control token, whatever the text spells out."""
        ids, spans = self._as_text(text, start)
        if self._control_ids.isdisjoint(ids):
            return ids, spans
        # The vocabulary also has the control token's text as an ordinary word: encode its letters one by one.
        cuts = {at for begin, stop in self.controls.find(text) for at in range(begin + 1, stop)}
        pieces = [
            self._as_text(text[begin:end], start + begin)
            for begin, end in itertools.pairwise([0, *sorted(cuts), len(text)])
        ]
        return [token for ids, _ in pieces for token in ids], [span for _, spans in pieces for span in spans]

    def _as_text(self, text: str, start: int) -> tuple[list[int], list[Span]]:
        tokenizer = self._plain if start == 0 or self._boundary is not None else self._plain_within
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, [(start + begin, start + end) for begin, end in encoding.offsets]

    @cached_property
    def _control_ids(self) -> frozenset[int]:
        return frozenset(self._tokenizer.token_to_id(text) for text in self.controls.tokens)

    @cached_property
    def _plain(self) -> Any:
        """A copy of the tokenizer that treats control tokens as ordinary text."""
        return _blind_to(self.controls, json.loads(self._tokenizer.to_str()))

    @cached_property
    def _plain_within(self) -> Any:
        """`_plain` for data within a prompt: a tokenizer that marks the beginning of a text adds no mark here."""
        content = json.loads(self._tokenizer.to_str())
        steps = content.get("pre_tokenizer") or {}
        for step in (steps, *steps.get("pretokenizers", ())):
            if step.get("prepend_scheme") == "first":
                step["prepend_scheme"] = "never"
        return _blind_to(self.controls, content)


def _blind_to(controls: ControlTokens, content: dict[str, Any]) -> Any:
    from tokenizers import Tokenizer

    for token in content["added_tokens"]:
        token["special"] = token["content"] in controls.tokens
    blind = Tokenizer.from_str(json.dumps(content))
    blind.encode_special_tokens = True
    return blind


_ENCODERS: WeakKeyDictionary[Any, PromptEncoder] = WeakKeyDictionary()


def encoder_of(tokenizer: Any) -> PromptEncoder:
    """The encoder of a tokenizer, made when first asked for."""
    encoder = _ENCODERS.get(tokenizer)
    if encoder is None:
        encoder = _ENCODERS[tokenizer] = PromptEncoder(tokenizer)
    return encoder


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """Token ids of text; control tokens only where a `Prompt` says so."""
    return encoder_of(tokenizer).encode(_as_prompt(text))


def encode_text_at(tokenizer: Any, text: str) -> tuple[list[int], list[Span]]:
    """As `encode_text`, with the characters that each token covers."""
    return encoder_of(tokenizer).encode_at(_as_prompt(text))


def _as_prompt(text: str) -> Prompt:
    return text if isinstance(text, Prompt) else Prompt(text)
