"""A judged step, with all that another path needs to go on after it."""

from __future__ import annotations

from dataclasses import dataclass

from genprm.records import StepVerification
from genprm.verification.interpreter import Block


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """The last judged step of a path, and the state of the path after it. With it, another path in the same state
    as this one before the step can go on without judging the step itself.

    `prompt_tokens` and `spellings` are those of the path so far, `context` the tokens of its conversation, `blocks`
    the code that its names come from.
    """

    step: str
    verification: StepVerification
    prompt_tokens: int
    context: int
    spellings: list[str]
    blocks: list[Block]
