"""One verification as a reward sees it: what the verifier said of each step, and the label."""

from __future__ import annotations

from dataclasses import dataclass

from genprm.records import NO_ERROR
from genprm.verification.conversation import Verdict


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """A solution whose first wrong step is known: `label` is its 0-based index, -1 if no step is wrong."""

    id: str
    problem: str
    steps: list[str]
    label: int


@dataclass(frozen=True, slots=True)
class Episode:
    """One verification of a solution of `steps` steps, judged in order up to the first verdict that is not Yes.

    `label` is the 0-based index of the first wrong step, -1 if none is. A verdict that the verifier did not come to
    by itself is "none". `tokens` were written by the verifier; `executions` are how its code blocks ended.
    """

    label: int
    steps: int
    verdicts: tuple[Verdict, ...]
    tokens: int = 0
    executions: tuple[str, ...] = ()

    @property
    def well_formed(self) -> bool:
        """Whether the verifier came to each of its verdicts by itself."""
        return bool(self.verdicts) and "none" not in self.verdicts

    @property
    def prediction(self) -> int | None:
        """The step judged wrong, -1 if all were judged right; None where a verdict is missing.

        >>> Episode(label=1, steps=3, verdicts=("Yes", "No")).prediction
        1
        """
        if not self.well_formed:
            return None
        return len(self.verdicts) - 1 if self.verdicts[-1] == "No" else NO_ERROR
