"""A finished turn in full mode from its parts: the inverse of `parse_turn`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genprm.settings import TurnFormat
from genprm.verification.conversation import (
    ANALYZE_CLOSE,
    CODE_CLOSE,
    CODE_OPEN,
    VERDICT_LEAD,
    VERDICT_TAIL,
    VERIFY_OPEN,
    Verdict,
    analyze_prefill,
    output_block,
)


@dataclass(frozen=True, slots=True)
class CodeRound:
    """One block of code and what running it printed."""

    code: str
    output: str


def compose_turn(
    settings: TurnFormat, number: int, analysis: str, rounds: Sequence[CodeRound], verdict: Verdict
) -> str:
    """The turn of the step with this 1-based number. Without rounds there is no verify block."""
    text = f"{analyze_prefill(settings, number)}{analysis}\n{ANALYZE_CLOSE}\n"
    if rounds:
        blocks = [f"{CODE_OPEN}{part.code}{CODE_CLOSE}{output_block(part.output)}" for part in rounds]
        text += f"{VERIFY_OPEN}{settings.verify_lead}{''.join(blocks)}</verify>\n"
    return f"{text}{VERDICT_LEAD}{'' if verdict == 'none' else verdict}{VERDICT_TAIL}"
