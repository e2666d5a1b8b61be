"""Numbers are found where a reader finds them."""

from __future__ import annotations

import pytest

from genprm.smol.sources import Result, given_numbers, origin

PROBLEM = "Ann's 3 sisters pay $1,200 for a dozen chairs, 25% off. In 2-hour shifts they paint half of them."


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("3", '"Ann\'s 3 sisters pay"'),
        ("1200", '"sisters pay $1,200 for a"'),
        ("12", '"for a dozen chairs, 25%"'),
        ("25", '"dozen chairs, 25% off. In"'),
        ("0.25", '"dozen chairs, 25% off. In"'),
        ("0.75", '"dozen chairs, 25% off. In"'),
        ("100", '"dozen chairs, 25% off. In"'),
        ("2", '"off. In 2-hour shifts they"'),
        ("60", '"off. In 2-hour shifts they"'),
        ("1", None),
        ("200", None),
        ("5", None),
    ],
)
def test_origin_in_the_problem(number: str, expected: str | None) -> None:
    assert origin(number, PROBLEM, []) == expected


def test_a_result_goes_before_the_problem_and_the_last_one_counts() -> None:
    results = [Result("7", "step 1"), Result("3", "step 2"), Result("3", "this step")]
    assert origin("3", PROBLEM, results) == "this step"
    assert origin("3.0", PROBLEM, results[:2]) == "step 2"


def test_given_numbers_are_those_in_digits() -> None:
    assert given_numbers(PROBLEM) == ["3", "1200", "25", "2"]
