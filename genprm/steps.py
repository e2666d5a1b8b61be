"""Numbered steps as text (`Step <n>: ...`, paper 4.2): asking for them, splitting them, going on from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from genprm.answers.checker import extract_answer
from genprm.engines.base import Sampling
from genprm.records import Message
from genprm.settings import SamplingSettings

_HEADER = re.compile(r"^(?:#{1,6} )?(\*\*|__)?(?:Step |步骤 ?)(\d+)[:：]", re.MULTILINE)
"""`Step 2:` at the beginning of a line, as a heading, in bold or in Chinese too."""


def split_steps(text: str) -> list[str] | None:
    """The steps of a solution, each with its header `Step <n>:`; None unless they are numbered 1, 2, ... T.

    Headers count at line start only, so a step may speak of "Step 2: ..." inside a line. A header that the policy
    wrote as a heading, in bold or in Chinese (`### Step 2:`, `**Step 2:**`, `步骤2：`) becomes a plain one. Text
    before the first header makes the solution invalid: no step owns it.

    >>> split_steps("Step 1: a\\n\\n**Step 2:** b, see Step 1: above")
    ['Step 1: a', 'Step 2: b, see Step 1: above']
    >>> split_steps("Step 1: a\\nStep 3: b") is None
    True
    """
    headers = list(_HEADER.finditer(text))
    if [match[2] for match in headers] != [str(n) for n in range(1, len(headers) + 1)]:
        return None
    if not headers or text[: headers[0].start()].strip():
        return None
    ends = [match.start() for match in headers[1:]] + [len(text)]
    return [
        f"Step {match[2]}:{_behind(match, text[:end])}".strip() for match, end in zip(headers, ends, strict=True)
    ]


def _behind(header: re.Match[str], text: str) -> str:
    """What follows a header, without the mark that closes its bold face."""
    rest = text[header.end() :]
    line, newline, more = rest.partition("\n")
    return (line.replace(header[1], "", 1) if header[1] else line) + newline + more


def last_step(text: str) -> str:
    """What follows the last step header of a text, whatever its number; the whole text if there is none."""
    headers = list(_HEADER.finditer(text))
    return _behind(headers[-1], text) if headers else text


def final_answer(text: str) -> str | None:
    """The answer that the last step of a sampled solution states."""
    return extract_answer(last_step(text))


def prompt_messages(system: str | None, prompt: str, problem: str) -> list[Message]:
    """The conversation that asks for a solution; `{problem}` in `prompt` stands for the problem's text."""
    user = Message("user", prompt.replace("{problem}", problem))
    return [user] if system is None else [Message("system", system), user]


def sampling_of(settings: SamplingSettings, seed: int) -> Sampling:
    """A request's sampling parameters."""
    return Sampling(
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        seed=seed,
    )


class StepFormat(Protocol):
    """How the steps of a solution are told apart."""

    def split(self, text: str) -> list[str] | None:
        """The steps of a solution in order, each with its header; None when it is not written in such steps."""

    def header(self, number: int) -> str:
        """What the step with this 1-based number begins with, at the start of a line."""


class NumberedSteps:
    """`Step <n>: ...` at line start, numbered 1, 2, ... T (step forcing, paper 4.2)."""

    def split(self, text: str) -> list[str] | None:
        """The steps of a solution (`split_steps`)."""
        return split_steps(text)

    def header(self, number: int) -> str:
        """What a step begins with.

        >>> NUMBERED.header(3)
        'Step 3:'
        """
        return f"Step {number}:"


NUMBERED = NumberedSteps()


def step_prefill(format: StepFormat, steps: Sequence[str]) -> str:
    """The open assistant turn after these steps: the steps, and the header of the next one.

    >>> step_prefill(NUMBERED, ["Step 1: 2 + 3 = 5."])
    'Step 1: 2 + 3 = 5.\\n\\nStep 2:'
    """
    return "\n\n".join([*steps, format.header(len(steps) + 1)])
