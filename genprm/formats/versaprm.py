"""VersaPRM's published set (MMLU-Pro-CoT-Train-Labeled): steps and labels 1 or -1 as Python lists in strings."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, text_field, texts_field
from genprm.formats.base import RATINGS, LabelledSolution, one_per_row, other_fields, rating, with_further

_STEPS, _LABELS = "chain_of_thoughts", "labels"


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    problem = text_field(row, "question", where)
    steps = texts_field({_STEPS: _literal(row, _STEPS, where)}, _STEPS, where)
    labels = _literal(row, _LABELS, where)
    if len(labels) != len(steps) or not all(label in (1, -1) for label in labels):
        raise bad_field(where, _LABELS, labels, f"a list of {len(steps)} labels, 1 or -1, as text")
    further = other_fields(row, "question", _STEPS, _LABELS)
    return LabelledSolution(problem, steps, [RATINGS[label] for label in labels], further)


def _literal(row: Mapping[str, Any], name: str, where: str) -> list[Any]:
    text = text_field(row, name, where)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise bad_field(where, name, text, "a Python list as text") from None
    if not isinstance(value, list):
        raise InputError(f"{where}: field {name!r} is {type(value).__name__}, allowed: a Python list as text")
    return value


def _write(solution: LabelledSolution) -> dict[str, Any]:
    built = {
        "question": solution.problem,
        _STEPS: repr(solution.labelled_steps),
        _LABELS: repr([rating(label) for label in solution.labels]),
    }
    return with_further(built, solution.further)


VERSAPRM = one_per_row(_read, _write)
