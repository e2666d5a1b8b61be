"""RLHFlow: `conversations` of a step from the user and + or - from the assistant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, required
from genprm.formats.base import (
    SIGNS,
    LabelledSolution,
    cut_before_first_step,
    one_per_row,
    other_fields,
    sign,
    with_first_step,
    with_further,
)

_ALLOWED = "turns of user and assistant, the assistant's + or -"


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    turns = required(row, "conversations", where, _ALLOWED)
    if not isinstance(turns, list) or not turns or not all(_is_turn(turn) for turn in turns):
        raise bad_field(where, "conversations", turns, _ALLOWED)
    asked, answers = turns[::2], [turn["content"] for turn in turns[1::2]]
    if len(asked) != len(answers) or not set(answers) <= set(SIGNS):
        raise bad_field(where, "conversations", turns, _ALLOWED)
    begun = cut_before_first_step(asked[0]["content"])
    if begun is None:
        raise InputError(f"{where}: the first turn does not hold a problem, then 'Step 1:'")
    problem, first = begun
    steps = [first, *(turn["content"] for turn in asked[1:])]
    labels = [SIGNS[answer] for answer in answers]
    return LabelledSolution(problem, steps, labels, other_fields(row, "conversations"))


def _is_turn(turn: object) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("content"), str)


def _write(solution: LabelledSolution) -> dict[str, Any]:
    first, *later = with_first_step(solution.labelled_steps)
    turns: list[dict[str, str]] = []
    for text, label in zip([f"{solution.problem} {first}", *later], solution.labels, strict=True):
        turns.append({"role": "user", "content": text})
        turns.append({"role": "assistant", "content": sign(label)})
    return with_further({"conversations": turns}, solution.further)


RLHFLOW = one_per_row(_read, _write)
