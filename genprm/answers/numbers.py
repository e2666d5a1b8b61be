"""Numerals in answers: integers, decimals, fractions, mixed numbers, scientific notation; read exactly."""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from typing import NamedTuple

LONGEST = 400
"""A numeral with more characters than this, or a larger power of ten, is not read as a number."""
SIGNIFICANT = 4
"""Significant digits that a decimal needs to count as equal to an exact value that it rounds."""

_INTEGER = r"(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)"
_NUMERAL = re.compile(
    rf"(?P<sign>[-+]?)(?:(?P<decimal>{_INTEGER}(?:\.\d*)?|\.\d+)"
    r"(?:[eE](?P<e>[-+]?\d{1,4})|(?:\\times|\\cdot)10\^(?:(?P<ten>-?\d)|\{(?P<ten_braced>-?\d{1,4})\}))?"
    r"|(?P<before>\d*)\.(?P<once>\d*)\\(?:overline|dot|bar)\{(?P<again>\d{1,40})\}"
    r"|10\^\{(?P<power>-?\d{1,4})\}"
    rf"|(?:(?P<whole>\d+)\s*(?=\\frac|\s\d))?"
    rf"(?:\\frac\{{(?P<topa>{_INTEGER})\}}\{{(?P<bottoma>{_INTEGER})\}}"
    rf"|\s*(?P<topb>{_INTEGER})\.?\s*/\s*(?P<bottomb>{_INTEGER})))"
)
_PRODUCT_SIGN = re.compile(r"\s*(\\times|\\cdot)\s*")


class Number(NamedTuple):
    """An exact value and, for a decimal, the number of digits after its point (-2: it is rounded to hundreds)."""

    value: Fraction
    places: int | None


@functools.lru_cache(maxsize=8192)
def plain_number(text: str) -> Number | None:
    """The value of a numeral in normalised LaTeX; None for anything else.

    >>> plain_number(r"3\\frac{1}{2}")
    Number(value=Fraction(7, 2), places=None)
    >>> plain_number(r"0.1\\overline{6}").value
    Fraction(1, 6)
    >>> plain_number("4.5e3")
    Number(value=Fraction(4500, 1), places=-2)
    """
    if len(text) > LONGEST:
        return None
    found = _NUMERAL.fullmatch(_PRODUCT_SIGN.sub(r"\1", text.strip()))
    if found is None:
        return None
    sign = -1 if found["sign"] == "-" else 1
    if found["decimal"]:
        return _decimal(sign, found["decimal"].replace(",", ""), found["e"] or found["ten"] or found["ten_braced"])
    if found["power"]:
        exponent = int(found["power"])
        return None if abs(exponent) > LONGEST else Number(sign * Fraction(10) ** exponent, None)
    if found["again"]:
        return Number(sign * _repeating(found["before"], found["once"], found["again"]), None)
    top, bottom = (int((found[f"{part}a"] or found[f"{part}b"]).replace(",", "")) for part in ("top", "bottom"))
    return None if bottom == 0 else Number(sign * (int(found["whole"] or "0") + Fraction(top, bottom)), None)


def _repeating(before: str, once: str, again: str) -> Fraction:
    """The value of a decimal whose last digits repeat for ever."""
    period = Fraction(int(again), (10 ** len(again) - 1) * 10 ** len(once))
    return Fraction(f"{before or '0'}.{once or '0'}") + period


def _decimal(sign: int, digits: str, power: str | None) -> Number | None:
    exponent = int(power or "0")
    if abs(exponent) > LONGEST:
        return None
    value = sign * Fraction(f"0{digits}".rstrip(".")) * Fraction(10) ** exponent
    return Number(value, len(digits.partition(".")[2]) - exponent if "." in digits else None)


def numbers_equal(first: Number, second: Number) -> bool:
    """Whether they are equal, or one is a decimal that rounds the exact other with enough significant digits.

    >>> numbers_equal(plain_number("0.3333"), plain_number("1/3"))
    True
    >>> numbers_equal(plain_number("0.33"), plain_number("1/3"))
    False
    """
    if first.value == second.value:
        return True
    decimal, exact = (first, second) if first.places is not None else (second, first)
    if decimal.places is None or exact.places is not None or exact.value.denominator == 1:
        return False
    unit = Fraction(1, 10) ** decimal.places
    enough = abs(decimal.value) >= unit * 10 ** (SIGNIFICANT - 1)
    return enough and abs(exact.value - decimal.value) * 2 <= unit
