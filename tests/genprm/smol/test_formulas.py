"""Formulas against the answers that people stated beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.data_sets.processbench import load_subset
from genprm.data_sets.sources import source_rows
from genprm.smol.formulas import ASDIV, formula_solutions, read_formula


def test_each_solution_comes_to_the_answer_of_its_row(data_dir: Path) -> None:
    rows = list(source_rows(ASDIV, data_dir))
    stated = {f"{row['body'].strip()} {row['question'].strip()}": row["answer"] for _, row in rows}

    found = formula_solutions(rows)

    assert len(found) > 1500
    for one in found:
        calculation = one.sentences[0].calculation
        assert calculation is not None
        assert eval(calculation.expression) == pytest.approx(
            float(stated[one.problem].split(" ")[0].replace(",", ""))
        )


def test_no_problem_is_one_of_processbench(data_dir: Path) -> None:
    taken = {"".join(one.problem.split()) for one in formula_solutions(source_rows(ASDIV, data_dir))}

    assert not taken & {"".join(case.problem.split()) for case in load_subset("gsm8k", data_dir)}


@pytest.mark.parametrize(
    ("formula", "answer"), [("3x=12", "4"), ("7+2=9", "8 (apples)"), ("8/3=2 r2", "2 (groups)"), ("9", "9")]
)
def test_other_formulas_are_left_out(formula: str, answer: str) -> None:
    assert read_formula(formula, answer) is None
