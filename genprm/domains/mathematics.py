"""Mathematics: numbered steps, answers compared by meaning, and the problems of MATH and of the miniature."""

from __future__ import annotations

from types import TracebackType

from genprm.answers.checker import AnswerChecker
from genprm.data_sets.problems import math_train, miniature
from genprm.domains.base import Domain
from genprm.steps import final_answer


class MathAnswers:
    """Answers that mean the same number, expression, set or text (`genprm.answers`)."""

    def __init__(self) -> None:
        self._checker = AnswerChecker()

    def extract(self, text: str) -> str | None:
        """The answer that the last step states."""
        return final_answer(text)

    async def same(self, reference: str, given: str | None) -> bool:
        """Whether two answers mean the same; algebra is done in a process of its own."""
        return await self._checker.equivalent_async(reference, given)

    def __enter__(self) -> MathAnswers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._checker.close()


MATHEMATICS = Domain("mathematics", MathAnswers, {"miniature": miniature, "math-train": math_train})
