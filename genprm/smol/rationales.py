r"""The rationale of a step: an analysis, Python code that checks the step, and the verdict that its output gives.

For each calculation in the step:

    It calculates 48 / 3 = 16 clips. 48: "clips to 48 of her". 3: nowhere. Needed: 48 / 2 clips.

    value = round(48 / 2, 2)
    print(value, value == 16, "clips" == "clips")

The analysis says what the step claims, where each of its numbers comes from, and what is needed in its place. The
code compares what is needed (left) with what the step claims (right): a step is right if nothing printed is False.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from genprm.smol.arithmetic import calculation_parts, decimal
from genprm.smol.sources import Result, origin
from genprm.smol.worked import Calculation

NO_CALCULATION = "It calculates nothing."
NOTHING_TO_CHECK = 'print("nothing to check")'


@dataclass(frozen=True, slots=True)
class Check:
    """A calculation that a step claims, the one that is needed in its place, and what was calculated before."""

    needed: Calculation
    claimed: Calculation
    results: tuple[Result, ...]


def analysis(checks: Sequence[Check], problem: str) -> str:
    """The analysis of a step that claims these calculations, one line for each."""
    return "\n".join(_said(check, problem) for check in checks) or NO_CALCULATION


def _said(check: Check, problem: str) -> str:
    claimed, needed = check.claimed, check.needed
    numbers = dict.fromkeys(part for part in calculation_parts(claimed.expression) if part[-1].isdigit())
    origins = [f"{number}: {origin(number, problem, check.results) or 'nowhere'}." for number in numbers]
    return " ".join(
        [
            f"It calculates {claimed.expression} = {_with_unit(claimed.shown, claimed)}.",
            *origins,
            f"Needed: {_with_unit(needed.expression, needed)}.",
        ]
    )


def _with_unit(text: str, calculation: Calculation) -> str:
    return f"{text} {calculation.unit}" if calculation.unit else text


def checking_code(checks: Sequence[Check]) -> str:
    """Code that compares what is needed with what a step claims.

    >>> needed, claimed = Calculation("10 / 3", "3.333", "cups"), Calculation("10 * 3", "30", "cups")
    >>> print(checking_code([Check(needed, claimed, ())]))
    value = round(10 / 3, 2)
    print(value, value == 30, "cups" == "cups")
    """
    return "\n".join(_comparison(check) for check in checks) or NOTHING_TO_CHECK


def _comparison(check: Check) -> str:
    unit = f', "{check.needed.unit}" == "{check.claimed.unit}"' if check.needed.unit else ""
    shown = decimal(Fraction(check.claimed.shown))
    return f"value = round({check.needed.expression}, 2)\nprint(value, value == {shown}{unit})"


def verdict_of_output(output: str) -> Literal["Yes", "No"]:
    """Yes, unless something was False.

    >>> verdict_of_output("24.0 True True"), verdict_of_output("24.0 False True")
    ('Yes', 'No')
    """
    return "No" if "False" in output else "Yes"
