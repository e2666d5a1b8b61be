"""Mathematics: numbered steps, answers compared by meaning, problems of MATH, GSM8K, SVAMP or the user."""

from __future__ import annotations

from types import TracebackType

from genprm.answers.checker import AnswerChecker
from genprm.data_sets.own import file_problems, hub_problems
from genprm.data_sets.problems import gsm8k, math_train, miniature
from genprm.data_sets.svamp import svamp
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
        """Whether two answers mean the same; algebra is done in a separate process."""
        return await self._checker.equivalent_async(reference, given)

    def __enter__(self) -> MathAnswers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._checker.close()


MATHEMATICS = Domain(
    "mathematics",
    MathAnswers,
    {
        "miniature": miniature,
        "math-train": math_train,
        "gsm8k": gsm8k,
        "svamp": svamp,
        "file": file_problems,
        "hub": hub_problems,
    },
)
