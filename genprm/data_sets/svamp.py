"""SVAMP: word problems of one operation."""

from __future__ import annotations

from pathlib import Path

from genprm.data_sets.own import with_problem
from genprm.data_sets.problems import ProblemSet, read_problems, stated_answer
from genprm.data_sets.sources import DataSource, source_rows
from genprm.settings import ProblemSettings

SVAMP_TRAIN = DataSource("ChilleD/SVAMP", "train", "easy-word-problems/svamp-test.jsonl")
"""700 problems on the hub. The file holds all 1,000: this project measures nothing on those outside the hub's
split."""


def svamp(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """SVAMP (Patel et al. 2021), from the hub or from `data_dir` where one is given: body and question as one text.

    Raises:
        InputError: the data cannot be loaded, or a row is wrong.
    """
    rows = (
        (where, with_problem(row, ("Body", "Question"), where)) for where, row in source_rows(SVAMP_TRAIN, data_dir)
    )
    return read_problems(rows, "svamp", ("problem",), stated_answer("Answer"))
