"""ProcessBench: `label` is the 0-based index of the first wrong step, -1 if there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import text_field, texts_field, whole_field
from genprm.formats.base import LabelledSolution, one_per_row, other_fields, with_further
from genprm.records import NO_ERROR


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    problem, steps = text_field(row, "problem", where), texts_field(row, "steps", where)
    allowed = f"a step index below {len(steps)}, or {NO_ERROR} (no error)"
    label = whole_field(row, "label", where, NO_ERROR, len(steps) - 1, allowed)
    labels = [1] * len(steps) if label == NO_ERROR else [1] * label + [0]
    return LabelledSolution(problem, steps, labels, other_fields(row, "problem", "steps", "label"))


def _write(solution: LabelledSolution) -> dict[str, Any]:
    built = {"problem": solution.problem, "steps": solution.decided_steps, "label": solution.first_error}
    return with_further(built, solution.further)


PROCESSBENCH = one_per_row(_read, _write)
