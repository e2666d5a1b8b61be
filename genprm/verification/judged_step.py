"""A judged step with all that it takes to go on behind it."""

from __future__ import annotations

from dataclasses import dataclass

from genprm.records import StepVerification
from genprm.verification.interpreter import Block


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """The step that a path judged last, and where the path stands after it: what another path that stood where this
    one did needs, to go on without judging the step itself.

    `prompt_tokens` and `spellings` are those of the path so far, `context` the tokens of its conversation, `blocks`
    the code that its names come from.
    """

    step: str
    verification: StepVerification
    prompt_tokens: int
    context: int
    spellings: list[str]
    blocks: list[Block]
