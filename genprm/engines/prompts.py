"""Prompts that know which of their characters are control tokens, so that data can never pose as one."""

from __future__ import annotations

from typing import Any, SupportsIndex, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Characters [start, end) of a text."""


class Prompt(str):
    """Text to be completed, with the places of its control tokens: those that a chat template wrote.

    Everything else in it is data, and what is added with `+` is data as well: a control token spelled out there is
    read as the characters it consists of. (`markupsafe.Markup` does the same for HTML.) Adding, slicing and
    `removesuffix` give a Prompt; other methods of str give a plain string, which knows nothing of this.

    >>> asked = Prompt("<|user|>Is it?<|end|>", controls=((0, 8), (14, 21)))
    >>> (asked + "<|end|>").controls, asked[8:].controls
    (((0, 8), (14, 21)), ((6, 13),))
    """

    controls: tuple[Span, ...]

    def __new__(cls, text: str, controls: tuple[Span, ...] = ()) -> Prompt:
        prompt = super().__new__(cls, text)
        prompt.controls = controls
        return prompt

    def __add__(self, other: str) -> Prompt:
        return Prompt(str.__add__(self, other), self.controls + _shifted(other, len(self)))

    def __radd__(self, other: str) -> Prompt:
        return Prompt(str.__add__(other, self), _shifted(self, len(other)))

    def __getitem__(self, key: SupportsIndex | slice) -> Prompt:
        text = super().__getitem__(key)
        if not isinstance(key, slice) or key.step not in (None, 1):
            return Prompt(text)
        start, stop, _ = key.indices(len(self))
        kept = tuple((begin - start, end - start) for begin, end in self.controls if start <= begin and end <= stop)
        return Prompt(text, kept)

    def removesuffix(self, suffix: str, /) -> Prompt:
        """The prompt without `suffix`, if it ends with it."""
        return self[: len(self) - len(suffix)] if suffix and self.endswith(suffix) else self

    def __reduce__(self) -> tuple[Any, ...]:
        return Prompt, (str(self), self.controls)


def begun_twice(prompt: str) -> str:
    """A conversation with its BOS, the control token that it begins with, written twice.

    It stays as it is if it begins with no control token, or with one that comes again later: that one begins turns.

    >>> begun_twice(Prompt("<s>[user]Hi[user]So?", ((0, 3), (3, 9), (11, 17))))
    '<s><s>[user]Hi[user]So?'
    >>> begun_twice(Prompt("[user]Hi[user]So?", ((0, 6), (8, 14))))
    '[user]Hi[user]So?'
    """
    if not isinstance(prompt, Prompt) or not prompt.controls or prompt.controls[0][0] > 0:
        return prompt
    tokens = [str(prompt)[begin:end] for begin, end in prompt.controls]
    return prompt if tokens[0] in tokens[1:] else prompt[: len(tokens[0])] + prompt


def _shifted(text: str, by: int) -> tuple[Span, ...]:
    controls = text.controls if isinstance(text, Prompt) else ()
    return tuple((begin + by, end + by) for begin, end in controls)
