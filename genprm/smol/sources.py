"""Where a number of a step comes from: an earlier step, the words of the problem, or common knowledge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an earlier calculation, and where that stands: "step 2", or "this step"."""

    value: str
    where: str


_WORDS: dict[str, tuple[str, ...]] = {
    "1": ("one", "a single"),
    "2": ("two", "twice", "double", "doubled", "half", "halves", "both", "couple", "pair", "pairs", "halved"),
    "3": ("three", "thrice", "triple", "tripled", "third", "thirds"),
    "4": ("four", "quarter", "quarters", "fourth", "fourths", "quadruple"),
    "5": ("five", "fifth", "fifths"),
    "6": ("six", "sixth", "sixths"),
    "7": ("seven", "seventh", "week", "weeks", "weekly"),
    "8": ("eight", "eighth", "eighths"),
    "9": ("nine", "ninth"),
    "10": ("ten", "tenth", "tenths"),
    "11": ("eleven",),
    "12": ("twelve", "dozen", "dozens", "year", "years", "feet", "foot"),
    "20": ("twenty",),
    "24": ("day", "days"),
    "30": ("thirty", "month"),
    "50": ("fifty",),
    "52": ("year", "weeks"),
    "60": ("minute", "minutes", "hour", "hours", "sixty"),
    "100": ("percent", "hundred", "cents"),
    "365": ("year",),
}
"""Words that a number can stand for in a problem, besides its digits."""

_NUMBER = re.compile(r"(?<![\w.])\$?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(%?)")
_AROUND = 2
"""Words quoted before and behind a number."""


def origin(number: str, problem: str, results: Sequence[Result]) -> str | None:
    """Where a number comes from, in words: the place of the last calculation with that result, else a quotation
    from the problem; None if it comes from nowhere.

    `results` are those of the calculations before, in order.

    >>> clips = "She sold half as many clips."
    >>> origin("24", clips, [Result("24", "step 1"), Result("9", "step 2")]), origin("2", clips, [])
    ('step 1', '"She sold half as many"')
    >>> origin("7", clips, [])
    """
    wanted = Fraction(number)
    for result in reversed(results):
        if Fraction(result.value) == wanted:
            return result.where
    span = _in_problem(wanted, problem)
    return None if span is None else f'"{_quotation(problem, *span)}"'


def given_numbers(problem: str) -> list[str]:
    """The numbers that a problem has in digits, each once.

    >>> given_numbers("He pays $1,200 for 3.5 kg and 3 bags, 10% less than 3 others.")
    ['1200', '3.5', '3', '10']
    """
    return list(dict.fromkeys(match[1].replace(",", "") for match in _NUMBER.finditer(problem)))


def _in_problem(wanted: Fraction, problem: str) -> tuple[int, int] | None:
    for match in _NUMBER.finditer(problem):
        value = Fraction(match[1].replace(",", ""))
        if wanted == value or (match[2] and wanted in (value / 100, 1 - value / 100, 1 + value / 100)):
            return match.span()
    if wanted == 100 and (sign := problem.find("%")) >= 0:
        return sign, sign + 1
    words = _WORDS.get(str(wanted), ())
    found = re.search(rf"\b(?:{'|'.join(words)})\b", problem, re.IGNORECASE) if words else None
    return None if found is None else found.span()


def _quotation(problem: str, begin: int, end: int) -> str:
    before, behind = problem[:begin], problem[end:]
    # A sign or a hyphenated word at the number belongs to it.
    glued_before = re.search(r"\S*\Z", before)
    glued_behind = re.match(r"\S*", behind)
    assert glued_before is not None
    assert glued_behind is not None
    middle = glued_before[0] + problem[begin:end] + glued_behind[0]
    first = before[: glued_before.start()].split()[-_AROUND:]
    last = behind[glued_behind.end() :].split()[:_AROUND]
    return " ".join([*first, middle, *last]).replace('"', "").rstrip(".,;:?!")
