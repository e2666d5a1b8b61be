"""What frameworks hand over, as problem, response and reference."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.data_sets.rows import InputError, shown
from genprm.data_sets.written_solutions import PROBLEM, read_turn
from genprm.serve.solutions import template_messages

REFERENCE = ("answer", "ground_truth")
"""Fields that hold the reference answer; the first one that a row has counts."""

_TEMPLATE_MARK = re.compile(r"<\|\w+\|>|<start_of_turn>|\[INST\]|<｜\w+｜>")
_END_MARKS = re.compile(r"(?:\s|<\|\w+\|>|</s>|<eos>|<end_of_turn>|<｜[^｜]+｜>)+\Z")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a policy wrote about a problem; `reference` is the right final answer, where it is known."""

    problem: str
    response: str
    reference: str | None = None


def named_text(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of the named fields that is there, as text; None where none is.

    >>> named_text({"question": "2 + 2?", "ground_truth": 4}, REFERENCE)
    '4'
    """
    return next((str(row[name]) for name in names if row.get(name) is not None), None)


def problem_of(row: Mapping[str, Any], prompt: Any, where: str) -> str:
    """The problem: a field of the row that holds it, else what the prompt asks.

    Raises:
        InputError: there is no such field, and the prompt asks nothing that can be read.
    """
    return named_text(row, PROBLEM) or asked(prompt, where)


def asked(prompt: Any, where: str) -> str:
    """What a prompt asks: the user's last turn of messages or of a ChatML text, or a text as it is.

    Raises:
        InputError: no turn of a user, or the text of another chat template.
    """
    if not isinstance(prompt, str):
        return _last(prompt, ("user", "human"), where)
    messages = template_messages(prompt)
    if messages:
        return _last(messages, ("user",), where)
    if _TEMPLATE_MARK.search(prompt):
        raise InputError(
            f"{where} is {shown(prompt)}, allowed: messages, a plain text or ChatML, or the problem as a field "
            f"{' or '.join(map(repr, PROBLEM))}"
        )
    return prompt


def replied(completion: Any, where: str) -> str:
    """What a policy replied: a text, or the assistant's last turn; without the marks that end it.

    Raises:
        InputError: messages without a turn of the assistant.
    """
    text = completion if isinstance(completion, str) else _last(completion, ("assistant", "gpt"), where)
    return _END_MARKS.sub("", text)


def _last(messages: Any, roles: Sequence[str], where: str) -> str:
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise InputError(f"{where} is {shown(messages)}, allowed: a text, or messages with role and content")
    turns = [read_turn(message, index, where) for index, message in enumerate(messages)]
    texts = [text for role, text in turns if role in roles]
    if not texts:
        raise InputError(f"{where} has no turn of the {roles[0]}")
    return texts[-1]
