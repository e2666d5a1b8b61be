"""What a request judges: a problem and the steps of a solution."""

from __future__ import annotations

import re
from typing import Any

from genprm.data_sets.rows import InputError, json_object, text_field, texts_field
from genprm.steps import split_steps


def read_solution(item: Any, where: str) -> tuple[str, list[str]]:
    """Problem and steps of an object `{"problem", "steps"}`.

    Raises:
        InputError: it is something else.
    """
    row = json_object(item, where)
    return text_field(row, "problem", where), texts_field(row, "steps", where)


def split_solution(text: str, where: str) -> list[str]:
    r"""The steps of a solution: numbered ones where it has them, else its paragraphs.

    Raises:
        InputError: the text is blank.

    >>> split_solution("3 + 4 = 7\n\nSo 7.", "response")
    ['3 + 4 = 7', 'So 7.']
    """
    steps = split_steps(text) or [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    if not steps:
        raise InputError(f"{where}: the solution is blank, allowed: text")
    return steps
