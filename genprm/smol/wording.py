r"""The same sentence in the ways in which people and models write it.

Human solutions write `48/2 = 24`; language models number their steps and write `\(48 \div 2 = 24\)`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genprm.smol.worked import WorkedSentence

_SIGNS = {
    "plain": {"*": "*", "/": "/"},
    "spoken": {"*": "×", "/": "÷"},
    "latex": {"*": "\\times", "/": "\\div"},
}


@dataclass(frozen=True, slots=True)
class Wording:
    """How the sentences of one solution are written."""

    signs: Literal["plain", "spoken", "latex"] = "plain"
    spaced: bool = True
    numbered: bool = False

    def step_text(self, sentences: Sequence[WorkedSentence], number: int) -> str:
        r"""The 1-based step `number` as text, in as many sentences as it has.

        >>> from genprm.smol.worked import Calculation
        >>> may = WorkedSentence("In May ", Calculation("48 / 2", "24", "clips"), " were sold.")
        >>> both = WorkedSentence("In all ", Calculation("48 + 24", "72"), "")
        >>> Wording("latex", numbered=True).step_text([may], 1)
        'Step 1: In May \\(48 \\div 2 = 24\\) clips were sold.'
        >>> Wording(spaced=False).step_text([both, may], 1)
        'In all 48+24 = 72. In May 48/2 = 24 clips were sold.'
        """
        header = f"Step {number}: " if self.numbered else ""
        *first, last = [self._sentence_text(sentence) for sentence in sentences]
        return header + " ".join([*(text if text[-1] in ".!?:;," else f"{text}." for text in first), last])

    def _sentence_text(self, sentence: WorkedSentence) -> str:
        calculation = sentence.calculation
        if calculation is None:
            return sentence.before
        expression = calculation.expression
        for sign, written in _SIGNS[self.signs].items():
            expression = expression.replace(sign, written)
        if not self.spaced and self.signs == "plain":
            expression = expression.replace(" ", "")
        equation = f"{expression} = {calculation.sign}{calculation.shown}"
        equation = f"\\({equation}\\)".replace("$", "\\$") if self.signs == "latex" else equation
        unit = f" {calculation.unit}" if calculation.unit and not calculation.sign else ""
        return f"{sentence.before}{equation}{unit}{sentence.after}"


def draw_wording(rng: random.Random) -> Wording:
    """A wording; half of the solutions are written as people do."""
    signs: Literal["plain", "spoken", "latex"] = rng.choices(("plain", "spoken", "latex"), (2, 1, 1))[0]
    return Wording(signs, spaced=rng.random() < 0.5, numbered=rng.random() < 0.5)
