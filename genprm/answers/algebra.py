"""Compare two expressions that text and numerals do not decide: by values at points, or else by math-verify."""

from __future__ import annotations

from latex2sympy2_extended import NormalizationConfig  # type: ignore[import-untyped]
from math_verify import LatexExtractionConfig, parse, verify
from sympy import Basic, Expr, N

from genprm.answers.expressions import UnreadableError
from genprm.answers.identity import HOLDS, expressions_equal, is_relation, relations_equal, value_of_identity
from genprm.answers.text import Leaf, compact, read_leaf
from genprm.answers.units import units_agree

RELATIVE = 1e-6
"""Values that math-verify calls equal must agree to this relative error: it rounds floats to fixed decimals."""
MATH_VERIFY = "math-verify"

# Units have been split off already; all letters are variables here.
_WHOLE = [
    LatexExtractionConfig(
        normalization_config=NormalizationConfig(units=False, malformed_operators=True, nits=True, boxed="none")
    )
]


def algebra_equal(reference: Leaf, given: Leaf) -> str | None:
    """The rule by which two expressions or equations are equal; None if they are not.

    An equation that holds whatever its variables are equals its last side (`2+3=5`); no other equals a value.
    """
    first, second = reference.text, given.text
    try:
        if is_relation(first) and is_relation(second):
            return relations_equal(first, second)
        if is_relation(first) or is_relation(second):
            return _equation_and_value(reference, given)
        return expressions_equal(first, second)
    except UnreadableError:
        if is_relation(first) != is_relation(second) or _ratio_inside(first) or _ratio_inside(second):
            return None
        return MATH_VERIFY if _math_verify_agrees(first, second) else None


def _equation_and_value(reference: Leaf, given: Leaf) -> str | None:
    equation, value = (reference, given) if is_relation(reference.text) else (given, reference)
    last_side = value_of_identity(equation.text)
    if last_side is None:
        return None
    stated = read_leaf(last_side)
    if not units_agree(stated.unit, value.unit):
        return None
    same = compact(stated.text) == compact(value.text) or expressions_equal(stated.text, value.text)
    return HOLDS if same else None


def _ratio_inside(text: str) -> bool:
    """Whether the text has colons that math-verify would read as division: `1:2:3` as 1/2/3."""
    return text.count(":") > 1 if is_relation(text) else ":" in text


def _expressions(text: str) -> list[object]:
    return list(parse(f"${text}$", extraction_config=_WHOLE, parsing_timeout=None))


def _close(first: object, second: object) -> bool:
    """False when both are numbers and differ by more than rounding."""
    if not (isinstance(first, Expr) and isinstance(second, Expr) and first.is_number and second.is_number):
        return True
    if first == second or second.is_zero:
        return bool(first == second or first.is_zero)
    # The quotient, not the difference: 1/2004! and 5/2004! are both 0 as floats.
    return bool(abs(complex(N(first / second)) - 1) <= RELATIVE)


def _names(expression: object) -> set[str]:
    return {str(symbol) for symbol in expression.free_symbols} if isinstance(expression, Basic) else set()


def _math_verify_agrees(reference: str, given: str) -> bool:
    first, second = _expressions(reference), _expressions(given)
    if not first or not second or not verify(first, second, strict=True, timeout_seconds=None):
        return False
    # math-verify ignores the case of names with several letters.
    return _close(first[0], second[0]) and _names(first[0]) == _names(second[0])
