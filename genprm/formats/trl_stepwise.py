"""TRL's stepwise supervision: `{"prompt", "completions", "labels": [bool]}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import bad_field, text_field, texts_field
from genprm.formats.base import LabelledSolution, labels_field, one_per_row, other_fields, with_further


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    problem, steps = text_field(row, "prompt", where), texts_field(row, "completions", where)
    labels = labels_field(row, len(steps), where)
    if len(labels) != len(steps):
        raise bad_field(where, "labels", row["labels"], f"a label for each of the {len(steps)} completions")
    return LabelledSolution(problem, steps, labels, other_fields(row, "prompt", "completions", "labels"))


def _write(solution: LabelledSolution) -> dict[str, Any]:
    built = {
        "prompt": solution.problem,
        "completions": solution.labelled_steps,
        "labels": [bool(label) for label in solution.labels],
    }
    return with_further(built, solution.further)


TRL_STEPWISE = one_per_row(_read, _write)
