"""Word problems of grade school: SVAMP's of one operation, and these in turn with GSM8K's of several."""

from __future__ import annotations

import itertools
from pathlib import Path

from genprm.data_sets.own import with_problem
from genprm.data_sets.problems import ProblemSet, gsm8k, read_problems, stated_answer
from genprm.data_sets.sources import DataSource, source_rows
from genprm.settings import ProblemSettings

SVAMP_TRAIN = DataSource("ChilleD/SVAMP", "train", "easy-word-problems/svamp-test.jsonl")
"""700 problems on the hub. The file holds all 1,000: of those that are not in the hub's split nothing is measured
here."""


def svamp(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """SVAMP (Patel et al. 2021), from the hub or from `data_dir` where one is given: body and question as one text.

    Raises:
        InputError: the data cannot be had, or a row is wrong.
    """
    rows = (
        (where, with_problem(row, ("Body", "Question"), where)) for where, row in source_rows(SVAMP_TRAIN, data_dir)
    )
    return read_problems(rows, "svamp", ("problem",), stated_answer("Answer"))


def grade_school(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """SVAMP's and GSM8K's problems in turn, as long as there are both: a policy of 135 million parameters solves
    hardly any of the latter.

    Raises:
        InputError: as `svamp` and `gsm8k`.
    """
    easy, hard = svamp(settings, data_dir), gsm8k(settings, data_dir)
    in_turn = itertools.chain.from_iterable(zip(easy.problems, hard.problems, strict=False))
    return ProblemSet(
        list({problem.id: problem for problem in in_turn}.values()),
        easy.without_answer + hard.without_answer,
        easy.repeated + hard.repeated,
    )
