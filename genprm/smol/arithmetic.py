"""The values of calculations, exactly: numbers, the four operations and parentheses, as Python writes them."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_PARTS = re.compile(r"\d+(?:\.\d+)?|\.\d+|[-+*/()]")


def calculation_parts(expression: str) -> list[str]:
    """Numbers, operators and parentheses, in order.

    >>> calculation_parts("20*.10-(4 + 1)")
    ['20', '*', '.10', '-', '(', '4', '+', '1', ')']
    """
    return _PARTS.findall(expression)


def value_of(expression: str) -> Fraction:
    """The value of an expression.

    >>> value_of("2 * (1.5 + 3)"), value_of("12/60")
    (Fraction(9, 1), Fraction(1, 5))

    Raises:
        ValueError: it is not made of numbers, the four operations and parentheses, or divides by zero.
    """
    try:
        return _value(ast.parse(expression, mode="eval").body, expression)
    except (SyntaxError, ZeroDivisionError) as error:
        raise ValueError(f"expression {expression!r} has no value: {error}") from None


def _value(node: ast.expr, expression: str) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(ast.get_source_segment(expression, node) or "")
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left, expression), _value(node.right, expression))
    raise ValueError(f"expression {expression!r}: allowed are numbers, + - * / and parentheses")


def decimal(value: Fraction, digits: int = 2) -> str:
    """A value as people write it, with at most `digits` decimals.

    >>> decimal(Fraction(24)), decimal(Fraction(5, 2)), decimal(Fraction(1, 3))
    ('24', '2.5', '0.33')
    """
    text = f"{float(value):.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
