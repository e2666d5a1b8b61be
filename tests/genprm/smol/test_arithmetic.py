"""Values of calculations against Python's own arithmetic on fractions."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.smol.arithmetic import calculation_parts, value_of

numbers = st.integers(1, 500).map(str)
expressions = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=5,
)


@given(expressions)
def test_value_is_that_of_python(expression: str) -> None:
    assert value_of(expression) == eval(expression)


@given(expressions)
def test_parts_are_the_expression_without_blanks(expression: str) -> None:
    assert "".join(calculation_parts(expression)) == re.sub(r"\s", "", expression)


def test_decimals_are_exact() -> None:
    assert value_of(".1 + .2") == Fraction(3, 10)
    assert value_of("1 / 3 * 3") == 1


@pytest.mark.parametrize("text", ["2 ** 9999", "abs(3)", "1 / 0", "3 +", "'3'", "True + 1"])
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        value_of(text)
