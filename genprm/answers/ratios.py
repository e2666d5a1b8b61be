"""Values with colons: a time of day, which is no quotient; a ratio, which gives its terms up to a common factor."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from genprm.answers.numbers import plain_number
from genprm.answers.text import Leaf, compact, read_leaf

SAME_TIME = "the same time"
SAME_RATIO = "the same ratio"

LATEST_HOUR = 24
_CLOCK = re.compile(
    r"(?:\\text ?\{ ?)?(?P<hour>\d{1,2}) ?: ?(?P<minute>[0-5]\d)(?: ?: ?(?P<second>[0-5]\d))?(?: ?\})?"
    r"(?P<half> ?(?:\\text ?\{ ?)?(?P<letter>[ap])\.? ?m\.?(?: ?\})?)?",
    re.IGNORECASE | re.ASCII,
)
_NO_TERM = re.compile(r"[=<>|]|\\(?:le|ge|ne|in|to|mid|rightarrow|approx|text)(?![a-zA-Z])")


@dataclass(frozen=True, slots=True)
class Time:
    """A time as it is written; `half` is the half of the day: "a", "p", or "" where it is not given."""

    hour: int
    minute: int
    second: int
    half: str

    @property
    def of_day(self) -> tuple[int, int, int]:
        """Hour from 0 to 24, minute and second; the hour as written where the half of the day is not given."""
        hour = self.hour % 12 + 12 * (self.half == "p") if self.half else self.hour
        return hour, self.minute, self.second

    def __str__(self) -> str:
        half = f" {self.half}.m." if self.half else ""
        return ":".join([str(self.hour), f"{self.minute:02}", *([f"{self.second:02}"] * bool(self.second))]) + half


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two terms or more, in their order."""

    terms: tuple[Leaf, ...]

    def __str__(self) -> str:
        return ":".join(term.text for term in self.terms)


LeafEqual = Callable[[Leaf, Leaf], str | None]
"""Algebra: the rule by which two values are equal, or None."""


def read_time(text: str, *, seconds: bool = False) -> Time | None:
    """The time that normalised LaTeX states: `3:15`, `3:15 p.m.`; None for anything else.

    Where the half of the day is not given, seconds are read only with `seconds`: else `5:12:13` is a ratio.

    >>> str(read_time("3:15 PM")), read_time("3:1"), read_time("27:20")
    ('3:15 p.m.', None, None)
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None or int(found["hour"]) > LATEST_HOUR or (found["second"] and not found["half"] and not seconds):
        return None
    half = (found["letter"] or "").lower()
    if half and not 1 <= int(found["hour"]) <= 12:
        return None
    return Time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0), half)


def times_equal(first: Time, second: Time) -> bool:
    """Whether two times are the same. Where one side gives no half of the day, its hour may be in either half.

    >>> afternoon = read_time("1:30 PM")
    >>> times_equal(read_time("1:30"), afternoon), times_equal(read_time("1:30 AM"), afternoon)
    (True, False)
    """
    as_written = first.half == "" or second.half == ""
    same = (first.hour, first.minute, first.second) == (second.hour, second.minute, second.second)
    return first.of_day == second.of_day or (as_written and same)


def read_ratio(parts: list[str]) -> Ratio | None:
    """The ratio whose terms are `parts`, the texts between colons; None where one is no value, or units differ."""
    terms = [read_leaf(part) for part in parts]
    stated = all(re.search(r"[\da-zA-Z]", term.text) and not term.words for term in terms)
    if len(terms) < 2 or not stated or any(_NO_TERM.search(part) for part in parts):
        return None
    if len({term.unit for term in terms} - {""}) > 1:
        return None
    return Ratio(tuple(Leaf(term.text) for term in terms))


def ratios_equal(first: Ratio, second: Ratio, same: LeafEqual) -> str | None:
    """The rule by which the terms are proportional; None if they are not. `same` compares products of terms."""
    if len(first.terms) != len(second.terms):
        return None
    pairs = list(zip(first.terms, second.terms, strict=True))
    if all(compact(a.text) == compact(b.text) for a, b in pairs):
        return SAME_RATIO
    at = next((pair for pair in pairs if not all(map(_is_zero, pair))), None)
    if at is None or any(map(_is_zero, at)):
        return None
    crossed = all(same(_product(a, at[1]), _product(b, at[0])) for a, b in pairs)
    return SAME_RATIO if crossed else None


def quotient(ratio: Ratio) -> Leaf | None:
    """The value of a ratio of two terms; None for more, and for a second term that is zero."""
    if len(ratio.terms) != 2 or _is_zero(ratio.terms[1]):
        return None
    top, bottom = (_value(term) for term in ratio.terms)
    if top is not None and bottom is not None:
        return _plain(top / bottom)
    return Leaf(f"\\frac{{{ratio.terms[0].text}}}{{{ratio.terms[1].text}}}")


def _value(term: Leaf) -> Fraction | None:
    number = plain_number(term.text)
    return None if number is None else number.value


def _is_zero(term: Leaf) -> bool:
    return _value(term) == 0


def _product(term: Leaf, factor: Leaf) -> Leaf:
    values = _value(term), _value(factor)
    if values[0] is not None and values[1] is not None:
        return _plain(values[0] * values[1])
    return Leaf(f"({term.text})*({factor.text})")


def _plain(value: Fraction) -> Leaf:
    return Leaf(f"{value.numerator}/{value.denominator}")
