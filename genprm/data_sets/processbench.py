"""ProcessBench: model solutions with the first wrong step marked by people (paper 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genprm.data_sets.rows import InputError, bool_field, text_field, texts_field, unique, whole_field
from genprm.data_sets.sources import DataSource, source_rows
from genprm.records import NO_ERROR, BenchmarkCase

REPOSITORY = "Qwen/ProcessBench"
SUBSETS = ("gsm8k", "math", "olympiadbench", "omnimath")


def read_case(row: Mapping[str, Any], subset: str, where: str) -> BenchmarkCase:
    """One row in the released fields.

    Raises:
        InputError: a field is missing or wrong, or the label names no step; one line says where and which.
    """
    steps = texts_field(row, "steps", where)
    last = len(steps) - 1
    return BenchmarkCase(
        id=text_field(row, "id", where),
        subset=subset,
        generator=text_field(row, "generator", where),
        problem=text_field(row, "problem", where),
        steps=steps,
        final_answer_correct=bool_field(row, "final_answer_correct", where),
        label=whole_field(row, "label", where, NO_ERROR, last, f"{NO_ERROR} (no error) to {last} (the last step)"),
    )


def load_subset(subset: str, data_dir: Path | None = None) -> list[BenchmarkCase]:
    """All cases of one subset, from the hub or from `data_dir`.

    Raises:
        InputError: no such subset, it cannot be loaded, a row is wrong, or an id comes twice.
    """
    if subset not in SUBSETS:
        raise InputError(f"ProcessBench subset {subset!r} is unknown, allowed: {', '.join(SUBSETS)}")
    source = DataSource(REPOSITORY, subset, f"processbench/{subset}.json")
    placed = [(where, read_case(row, subset, where)) for where, row in source_rows(source, data_dir)]
    unique((where, case.id) for where, case in placed)
    return [case for _, case in placed]
