"""Math-Shepherd: `input` has the mark ки after each step, `label` is the same text with + or - in its place.

A step may contain the letters of the mark itself: there `label` has them, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, text_field
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

MARK = "ки"


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    text = text_field(row, "input", where)
    parts, labels = _parts(where, text, text_field(row, "label", where))
    begun = cut_before_first_step(parts[0])
    if begun is None:
        raise bad_field(where, "input", text, "a problem, then 'Step 1:'")
    problem, first = begun
    steps = [first, *(part.removeprefix("\n") for part in parts[1:])]
    steps = [step.removesuffix(" ") for step in steps]
    return LabelledSolution(problem, steps, labels, other_fields(row, "input", "label"))


def _parts(where: str, text: str, label: str) -> tuple[list[str], list[int]]:
    """The texts before each mark, and the labels in the place of the marks."""
    pieces, parts, labels, at = text.split(MARK), [""], [], 0
    for piece in pieces[:-1]:
        parts[-1] += piece
        at += len(piece)
        if label.startswith(MARK, at):
            parts[-1] += MARK
            at += len(MARK)
        elif label[at : at + 1] in SIGNS:
            labels.append(SIGNS[label[at]])
            parts.append("")
            at += 1
        else:
            raise bad_field(where, "label", label, "the input with + or - in the place of each mark")
    if not labels or parts[-1] + pieces[-1]:
        raise InputError(f"{where}: field 'input' does not end with the mark {MARK!r} after its last step")
    return parts[:-1], labels


def _write(solution: LabelledSolution) -> dict[str, Any]:
    steps = with_first_step(solution.labelled_steps)
    marked = "\n".join(f"{step} {MARK}" for step in steps)
    signs = [sign(label) for label in solution.labels]
    signed = "\n".join(f"{step} {mark}" for step, mark in zip(steps, signs, strict=True))
    texts = {"input": f"{solution.problem} {marked}", "label": f"{solution.problem} {signed}"}
    return with_further(texts, solution.further)


MATH_SHEPHERD = one_per_row(_read, _write)
