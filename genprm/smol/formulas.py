"""ASDiv's problems as worked solutions: one calculation, from the formula that people wrote beside the problem.

Miao et al. 2020, "A Diverse Corpus for Evaluating and Developing English Math Word Problem Solvers"; for studies
(CC BY-NC 4.0). An answer is `9 (apples)`, a formula `7+2=9`. Only problems whose formula gives the answer are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from genprm.data_sets.own import with_problem
from genprm.data_sets.problems import problem_id
from genprm.data_sets.rows import Row, text_field
from genprm.data_sets.sources import DataSource
from genprm.smol.arithmetic import calculation_parts
from genprm.smol.worked import Calculation, WorkedSentence, WorkedSolution

ASDIV = DataSource("EleutherAI/asdiv", "validation", "easy-word-problems/asdiv-test.jsonl")
_FORMULA = re.compile(r"([\d.+\-*/() ]+)=([\d.]+)")
_ANSWER = re.compile(r"([\d,.]+)(?: \((.+)\))?")


def formula_solutions(rows: Iterable[Row]) -> list[WorkedSolution]:
    """The problems whose formula can be read and gives the answer, as solutions.

    Raises:
        InputError: a row without `body`, `question`, `answer` or `formula`.
    """
    found = []
    for where, row in rows:
        problem = text_field(with_problem(row, ("body", "question"), where), "problem", where)
        calculation = read_formula(*(text_field(row, name, where).strip() for name in ("formula", "answer")))
        if calculation is not None:
            sentence = WorkedSentence("", calculation, ".")
            found.append(WorkedSolution(problem_id(problem), problem, (sentence,), calculation.shown))
    return found


def read_formula(formula: str, answer: str) -> Calculation | None:
    """The calculation of a formula; None where it has letters, or does not give the answer.

    >>> read_formula("(7+2)*3=27", "27 (apples)")
    Calculation(expression='(7 + 2) * 3', shown='27', unit='apples', sign='')
    """
    written, stated = _FORMULA.fullmatch(formula), _ANSWER.fullmatch(answer)
    if written is None or stated is None:
        return None
    expression = " ".join(calculation_parts(written[1])).replace("( ", "(").replace(" )", ")")
    calculation = Calculation(expression, stated[1].replace(",", ""), stated[2] or "")
    try:
        return calculation if calculation.value == Fraction(calculation.shown) else None
    except ValueError:
        return None
