"""Human solutions of GSM8K's training split as sentences with calculations.

A solution has one sentence per line, its calculations marked `<<48/2=24>>`, and the answer behind `####` (Cobbe et
al. 2021, "Training Verifiers to Solve Math Word Problems"). Only solutions are used in which each sentence has at
most one mark and also writes its calculation out, so that it can be rewritten with another calculation in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from genprm.data_sets.problems import problem_id
from genprm.data_sets.rows import Row, text_field
from genprm.smol.arithmetic import calculation_parts, decimal, value_of

_MARK = re.compile(
    r"(?P<written>[\d.,$+\-*/x×÷() ]+)=\s*(?P<sign>\$?)\s*<<(?P<marked>[^<>=]+)=[^<>=]+>>(?P<shown>[\d,.]*\d)"
)
_UNIT = re.compile(r" ([a-z]{2,}s)\b")
_NO_UNITS = frozenset(
    {"costs", "does", "equals", "gives", "has", "less", "makes", "means", "minus", "needs", "plus", "times", "was"}
)
_PYTHON = str.maketrans({"x": "*", "×": "*", "÷": "/", "$": "", ",": "", " ": ""})


@dataclass(frozen=True, slots=True)
class Calculation:
    """A calculation: `expression` as Python writes it, `shown` the result that the sentence states.

    `unit` is that of the result, "" where the sentence names none; `sign` is "$" where the result has one.
    """

    expression: str
    shown: str
    unit: str = ""
    sign: str = ""

    @property
    def value(self) -> Fraction:
        """The true value of the expression."""
        return value_of(self.expression)

    @property
    def is_right(self) -> bool:
        """Whether what is shown is the value, to two decimals."""
        return abs(self.value - Fraction(self.shown)) < Fraction(1, 200)


@dataclass(frozen=True, slots=True)
class WorkedSentence:
    """A sentence of a solution, and the calculation that stands in it if there is one.

    Where the result has a unit and no sign, `after` begins behind the unit.
    """

    before: str
    calculation: Calculation | None
    after: str


@dataclass(frozen=True, slots=True)
class WorkedSolution:
    """A problem with the sentences of a person's solution."""

    id: str
    problem: str
    sentences: tuple[WorkedSentence, ...]
    answer: str


def read_worked(problem: str, solution: str) -> WorkedSolution | None:
    """A marked solution as sentences, one per line; None if a calculation of it is not written out or not right.

    >>> solution = "April: 48.\\nIn May 48/2 = <<48/2=24>>24 clips were sold.\\n#### 24"
    >>> worked = read_worked("48 in April, half in May?", solution)
    >>> sold = worked.sentences[1]
    >>> sold.before, sold.calculation, sold.after
    ('In May ', Calculation(expression='48 / 2', shown='24', unit='clips', sign=''), ' were sold.')
    """
    body, _, answer = solution.partition("####")
    sentences = [_read_sentence(line.strip()) for line in body.strip().splitlines() if line.strip()]
    read = tuple(sentence for sentence in sentences if sentence is not None)
    if len(read) < max(2, len(sentences)):
        return None
    calculations = [one.calculation for one in read if one.calculation is not None]
    if not calculations or not all(calculation.is_right for calculation in calculations):
        return None
    return WorkedSolution(problem_id(problem), problem.strip(), read, answer.strip().replace(",", ""))


def worked_solutions(rows: Iterable[Row]) -> list[WorkedSolution]:
    """The solutions that can be used among rows with `question` and `answer`, each problem once.

    Raises:
        InputError: a row without these fields.
    """
    found: dict[str, WorkedSolution] = {}
    for where, row in rows:
        worked = read_worked(text_field(row, "question", where), text_field(row, "answer", where))
        if worked is not None:
            found.setdefault(worked.id, worked)
    return list(found.values())


def _read_sentence(line: str) -> WorkedSentence | None:
    mark = _MARK.search(line)
    if mark is None or line.count("<<") > 1:
        return None if "<<" in line else WorkedSentence(line, None, "")
    expression = _written_out(mark["written"], mark["marked"])
    if expression is None:
        return None
    before = line[: mark.end("written")].removesuffix(mark["written"].lstrip())
    after = line[mark.end() :]
    unit = _UNIT.match(after)
    counted = not mark["sign"] and unit is not None and unit[1] not in _NO_UNITS
    shown = decimal(Fraction(mark["shown"].replace(",", "")), 4)
    if counted and unit is not None:
        return WorkedSentence(before, Calculation(expression, shown, unit[1]), after[unit.end() :])
    return WorkedSentence(
        before, Calculation(expression, shown, "dollars" if mark["sign"] else "", mark["sign"]), after
    )


def _written_out(written: str, marked: str) -> str | None:
    """The marked expression, if the sentence has the same one before the mark."""
    spoken, meant = (calculation_parts(text.translate(_PYTHON)) for text in (written, marked))
    try:
        value_of(" ".join(meant))
        same = [_number(part) for part in spoken] == [_number(part) for part in meant]
    except ValueError:
        return None
    whole = "".join(meant) == "".join(marked.split()) and "".join(spoken) == written.translate(_PYTHON)
    operators = sum(part in "+-*/" for part in meant)
    return " ".join(meant).replace("( ", "(").replace(" )", ")") if same and whole and operators else None


def _number(part: str) -> str | Fraction:
    return Fraction(part) if part[-1].isdigit() else part
