"""What frameworks hand over, as problem, response and reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.data_sets.chats import asked
from genprm.data_sets.written_solutions import PROBLEM

REFERENCE = ("answer", "ground_truth")
"""Fields that hold the reference answer; the first one that a row has counts."""


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
