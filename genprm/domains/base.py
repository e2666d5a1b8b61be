"""A domain: how solutions are cut into steps, how answers are read and compared, and where problems come from.

Another domain is one file of any installed package: a `Domain`, and an entry point of the group `genprm.domains`
that names it. `settings.problems.source` chooses among the problem sources of all domains, and the source
determines the domain of the run. The domain is not a field of `Problem`: all problems of a run are of one domain,
and a further column would change the content of every stored table and make every existing home stale.
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
        """The answer stated in a solution or in its last step; None where none is stated."""
        ...

    async def same(self, reference: str, given: str | None) -> bool:
        """Whether two answers mean the same; a missing answer (None) never does."""
        ...


@dataclass(frozen=True, slots=True)
class Grader:
    """The step format and the open answer check with which a domain's solutions are read and graded."""

    steps: StepFormat
    answers: AnswerCheck


ProblemSource = Callable[["ProblemSettings", Path | None], Iterable[Problem]]
"""Returns problems in order, given the settings and the directory of data sets (None where none was named). The
caller cuts them at `settings.limit`."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A field of problems.

    `answers` returns its answer check as a context manager, which closes it in the end; `problems` are its sources,
    by their names in `settings.problems.source`; `steps` says how a solution is cut into steps.
    """

    name: str
    answers: Callable[[], AbstractContextManager[AnswerCheck]]
    problems: Mapping[str, ProblemSource]
    steps: StepFormat = NUMBERED

    @contextmanager
    def grader(self) -> Iterator[Grader]:
        """The grader of this domain; its answer check is open while the block runs."""
        with self.answers() as answers:
            yield Grader(self.steps, answers)
