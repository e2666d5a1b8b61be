r"""What is written about a step: an analysis, Python code that checks it, and the verdict that its output gives.

    It calculates 48 / 3 = 16 clips. 48: "clips to 48 of her". 3: nowhere. Needed: 48 / 2 clips.

    value = round(48 / 2, 2)
    print(value, value == 16, "clips" == "clips")

The analysis says what the step claims, where each of its numbers comes from, and what belongs here. The code has
what belongs here on the left and what the step claims on the right: a step is right if nothing printed is False.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from genprm.smol.arithmetic import calculation_parts, decimal
from genprm.smol.sources import origin
from genprm.smol.worked import Calculation

NO_CALCULATION = "It calculates nothing."
NOTHING_TO_CHECK = 'print("nothing to check")'


def analysis(needed: Calculation | None, claimed: Calculation | None, problem: str, results: Sequence[str]) -> str:
    """What is said about a step that claims one calculation where another one is needed; None stands for none."""
    if needed is None or claimed is None:
        return NO_CALCULATION
    numbers = dict.fromkeys(part for part in calculation_parts(claimed.expression) if part[-1].isdigit())
    said = [f"{number}: {origin(number, problem, results) or 'nowhere'}." for number in numbers]
    return " ".join(
        [
            f"It calculates {claimed.expression} = {_with_unit(claimed.shown, claimed)}.",
            *said,
            f"Needed: {_with_unit(needed.expression, needed)}.",
        ]
    )


def _with_unit(text: str, calculation: Calculation) -> str:
    return f"{text} {calculation.unit}" if calculation.unit else text


def checking_code(needed: Calculation | None, claimed: Calculation | None) -> str:
    """Code that compares what is needed with what a step claims.

    >>> print(checking_code(Calculation("10 / 3", "3.333", "cups"), Calculation("10 * 3", "30", "cups")))
    value = round(10 / 3, 2)
    print(value, value == 30, "cups" == "cups")
    """
    if needed is None or claimed is None:
        return NOTHING_TO_CHECK
    unit = f', "{needed.unit}" == "{claimed.unit}"' if needed.unit else ""
    shown = decimal(Fraction(claimed.shown))
    return f"value = round({needed.expression}, 2)\nprint(value, value == {shown}{unit})"


def verdict_of_output(output: str) -> Literal["Yes", "No"]:
    """Yes, unless something was False.

    >>> verdict_of_output("24.0 True True"), verdict_of_output("24.0 False True")
    ('Yes', 'No')
    """
    return "No" if "False" in output else "Yes"
