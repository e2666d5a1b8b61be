r"""The same step in the ways in which people and models write it.

Human solutions write `48/2 = 24`; language models number their steps and write `\(48 \div 2 = 24\)`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from genprm.smol.worked import WorkedStep

_SIGNS = {
    "plain": {"*": "*", "/": "/"},
    "spoken": {"*": "×", "/": "÷"},
    "latex": {"*": "\\times", "/": "\\div"},
}


@dataclass(frozen=True, slots=True)
class Wording:
    """How the steps of one solution are written."""

    signs: Literal["plain", "spoken", "latex"] = "plain"
    spaced: bool = True
    numbered: bool = False

    def step_text(self, step: WorkedStep, number: int) -> str:
        r"""The 1-based step `number` as text.

        >>> from genprm.smol.worked import Calculation
        >>> step = WorkedStep("In May ", Calculation("48 / 2", "24", "clips"), " were sold.")
        >>> Wording("latex", numbered=True).step_text(step, 1), Wording(spaced=False).step_text(step, 1)
        ('Step 1: In May \\(48 \\div 2 = 24\\) clips were sold.', 'In May 48/2 = 24 clips were sold.')
        """
        header = f"Step {number}: " if self.numbered else ""
        calculation = step.calculation
        if calculation is None:
            return header + step.before
        expression = calculation.expression
        for sign, written in _SIGNS[self.signs].items():
            expression = expression.replace(sign, written)
        if not self.spaced and self.signs == "plain":
            expression = expression.replace(" ", "")
        equation = f"{expression} = {calculation.sign}{calculation.shown}"
        equation = f"\\({equation}\\)".replace("$", "\\$") if self.signs == "latex" else equation
        unit = f" {calculation.unit}" if calculation.unit and not calculation.sign else ""
        return f"{header}{step.before}{equation}{unit}{step.after}"


def draw_wording(rng: random.Random) -> Wording:
    """A wording; half of the solutions are written as people do."""
    signs: Literal["plain", "spoken", "latex"] = rng.choices(("plain", "spoken", "latex"), (2, 1, 1))[0]
    return Wording(signs, spaced=rng.random() < 0.5, numbered=rng.random() < 0.5)
