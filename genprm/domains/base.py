"""A domain: how solutions are cut into steps, how answers are read and compared, and where problems come from.

Another domain is one file of any installed package: a `Domain`, and an entry point of the group `genprm.domains`
that names it. `settings.problems.source` chooses among the sources of problems of all domains, and with its source
a run has its domain. It is no field of a problem: all problems of a run are of one domain, and a column that says
so would change the content of every stored table, and make every home stale that was made without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from genprm.records import Problem
from genprm.steps import NUMBERED, StepFormat

if TYPE_CHECKING:
    from genprm.settings import ProblemSettings


class AnswerCheck(Protocol):
    """Reads the answers of solutions and compares them."""

    def extract(self, text: str) -> str | None:
        """The answer that a solution, or the last step of one, states; None where it states none."""
        ...

    async def same(self, reference: str, given: str | None) -> bool:
        """Whether two answers mean the same; no answer never does."""
        ...


@dataclass(frozen=True, slots=True)
class Grader:
    """What reads and grades the solutions of a domain, open for use."""

    steps: StepFormat
    answers: AnswerCheck


ProblemSource = Callable[["ProblemSettings", Path | None], Iterable[Problem]]
"""Problems in order, from the settings and the directory with data sets, where one was given. What is beyond
`settings.limit` is left out afterwards."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A field of problems.

    `answers` opens its answer check, which is closed when it is left; `problems` are its sources, by the name that
    `settings.problems.source` gives; `steps` says how a solution is cut into steps.
    """

    name: str
    answers: Callable[[], AbstractContextManager[AnswerCheck]]
    problems: Mapping[str, ProblemSource]
    steps: StepFormat = NUMBERED

    @contextmanager
    def grader(self) -> Iterator[Grader]:
        """Steps and answers, open while the block runs."""
        with self.answers() as answers:
            yield Grader(self.steps, answers)
