"""Whether two expressions, equations or inequalities are the same, by their values at points drawn at random."""

from __future__ import annotations

import functools
import re
import zlib
from typing import Any

import mpmath  # type: ignore[import-untyped]

from genprm.answers.expressions import (
    DIGITS,
    Tree,
    UnreadableError,
    has_decimal,
    read_expression,
    symbols,
    value_of,
)
from genprm.answers.numbers import SIGNIFICANT, Number, plain_number

SAME_VALUE = "the same value"
ROUNDED = "a decimal that rounds the value"
SAME_FUNCTION = "the same value at every point tried"
SAME_RELATION = "the same equation or inequality up to a factor"
HOLDS = "an equation that holds, and its right side"

_TRIED = 6
_NEEDED = 3
"""Points tried, and how many have to give values."""
_RELATION = re.compile(r"(\\(?:le|ge|ne)(?![a-zA-Z])|[=<>])")
_TURNED = {">": "<", "\\ge": "\\le"}
_TOLERANCE = mpmath.mpf(10) ** -(DIGITS * 3 // 4)


@functools.lru_cache(maxsize=4096)
def _tree(text: str) -> Tree:
    return read_expression(text)


def _point(names: frozenset[str], index: int) -> dict[str, Any]:
    """A value for each name: positive at the first points, of either sign at the others."""
    values = {}
    for name in names:
        share = mpmath.mpf(zlib.crc32(f"{index} {name}".encode())) / 2**32
        values[name] = 3 * share + mpmath.mpf("0.1") if index < _NEEDED else 6 * share - 3
    return values


def _same(first: Any, second: Any) -> bool:
    if first == second:
        return True
    largest = max(abs(first), abs(second))
    if mpmath.isinf(first) or mpmath.isinf(second):
        return False
    if not (first and second):  # one is zero; the other may be zero with a rounding error
        return bool(largest < _TOLERANCE)
    return bool(abs(first - second) <= _TOLERANCE * largest)


def _pairs(first: Tree, second: Tree) -> list[tuple[Any, Any]]:
    """The values of both expressions at the points where both have one."""
    names = symbols(first) | symbols(second)
    found = []
    for index in range(_TRIED if names else 1):
        point = _point(names, index)
        try:
            found.append((value_of(first, point), value_of(second, point)))
        except UnreadableError:
            if not names:
                raise
    if len(found) < (_NEEDED if names else 1):
        raise UnreadableError("no values at too many points")
    return found


def expressions_equal(first: str, second: str) -> str | None:
    """The rule by which two expressions are equal, or None.

    Raises:
        UnreadableError: one of them cannot be read.

    >>> expressions_equal(r"\\frac{\\sqrt{8}}{2}", r"\\sqrt{2}"), expressions_equal("(x+1)^2", "x^2+1")
    ('the same value', None)
    """
    with mpmath.workdps(DIGITS):
        one, other = _tree(first), _tree(second)
        pairs = _pairs(one, other)
        if all(_same(a, b) for a, b in pairs):
            return SAME_FUNCTION if symbols(one) | symbols(other) else SAME_VALUE
        for tree, text, value in ((one, second, pairs[0][0]), (other, first, pairs[0][1])):
            number = plain_number(text)
            if number is not None and not symbols(tree) and not has_decimal(tree) and _rounds(number, value):
                return ROUNDED
    return None


def _rounds(decimal: Number, value: Any) -> bool:
    """Whether the decimal is the rounded value, with at least `SIGNIFICANT` significant digits."""
    if decimal.places is None or isinstance(value, mpmath.mpc) or not mpmath.isfinite(value):
        return False
    unit = mpmath.mpf(10) ** -decimal.places
    shown = mpmath.mpf(decimal.value.numerator) / decimal.value.denominator
    return bool(abs(shown) >= unit * 10 ** (SIGNIFICANT - 1) and 2 * abs(shown - value) <= unit)


def _sides(text: str) -> tuple[list[str], list[str]]:
    parts = _RELATION.split(text)
    return parts[::2], parts[1::2]


def relations_equal(first: str, second: str) -> str | None:
    """The rule by which two equations or inequalities of two sides are equal, or None.

    Raises:
        UnreadableError: one of them cannot be read.

    >>> relations_equal("4x-5y=-50", "5y-4x=50")
    'the same equation or inequality up to a factor'
    """
    (sides, (sign,)), (others, (other,)) = (_two_sides(text) for text in (first, second))
    if (sign := _canonical(sign, sides)) != (other := _canonical(other, others)):
        return None
    with mpmath.workdps(DIGITS):
        one = ("-", _tree(sides[0]), _tree(sides[1]))
        two = ("-", _tree(others[0]), _tree(others[1]))
        if symbols(one) != symbols(two) or not symbols(one):
            return None
        pairs = _pairs(one, two)
        if any(abs(a) < _TOLERANCE or abs(b) < _TOLERANCE for a, b in pairs):
            return None
        factor = pairs[0][0] / pairs[0][1]
        signed = sign in {"=", "\\ne"} or (not isinstance(factor, mpmath.mpc) and factor > 0)
        return SAME_RELATION if signed and all(_same(a / b, factor) for a, b in pairs) else None


def _two_sides(text: str) -> tuple[list[str], list[str]]:
    sides, signs = _sides(text)
    if len(signs) != 1:
        raise UnreadableError("not a relation of two sides")
    return sides, signs


def _canonical(sign: str, sides: list[str]) -> str:
    """The sign as read from the smaller side (`>` becomes `<`); the list of sides is reversed to match."""
    if sign in _TURNED:
        sides.reverse()
    return _TURNED.get(sign, sign)


def is_relation(text: str) -> bool:
    """Whether the text contains a sign of equality or order."""
    return _RELATION.search(text) is not None


def value_of_identity(text: str) -> str | None:
    """The last side of a chain of equations that hold whatever the variables are (`2+3=5`); None for others.

    Raises:
        UnreadableError: a side cannot be read.

    >>> value_of_identity("2+3=5"), value_of_identity("x^2=5"), value_of_identity("3=5")
    ('5', None, None)
    """
    sides, signs = _sides(text)
    if not signs or set(signs) != {"="}:
        return None
    with mpmath.workdps(DIGITS):
        trees = [_tree(side) for side in sides]
        held = all(_same(a, b) for tree in trees[:-1] for a, b in _pairs(tree, trees[-1]))
    return sides[-1].strip() if held else None
