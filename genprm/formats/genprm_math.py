r"""GenPRM-MATH-Data: `conversations` of a step from the user and a judgement of it from the assistant.

The first step stands behind the problem: `Question: {problem}\n\n{step}` (paper 4.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, required
from genprm.formats.base import LabelledSolution, one_per_row, other_fields, with_further
from genprm.verification.conversation import parse_turn

VERDICTS = {"Yes": 1, "No": 0}
_LEAD = "Question: "
_BLANK = "\n\n"
_ALLOWED = "turns of user and assistant, after a system message at most"


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    messages = required(row, "conversations", where, _ALLOWED)
    if not isinstance(messages, list) or not all(_is_turn(message) for message in messages):
        raise bad_field(where, "conversations", messages, _ALLOWED)
    further = other_fields(row, "conversations")
    if messages and messages[0]["role"] == "system":
        further["system"], messages = messages[0]["content"], messages[1:]
    roles = [message["role"] for message in messages]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise bad_field(where, "conversations", messages, _ALLOWED)
    problem, first = _cut(where, messages[0]["content"])
    turns = [message["content"] for message in messages[1::2]]
    steps = [first, *(message["content"] for message in messages[2::2])]
    labels = [_label(turn, f"{where} turn {number}") for number, turn in enumerate(turns, start=1)]
    return LabelledSolution(problem, steps, labels, further, turns=turns)


def _is_turn(message: object) -> bool:
    return isinstance(message, dict) and all(isinstance(message.get(key), str) for key in ("role", "content"))


def _cut(where: str, text: str) -> tuple[str, str]:
    """Problem and first step: cut before a paragraph that begins with `Step 1`, else at the first blank line."""
    body = text.removeprefix(_LEAD)
    at = body.find(f"{_BLANK}Step 1")
    at = body.find(_BLANK) if at < 0 else at
    if body == text or at < 0:
        raise InputError(f"{where}: the first turn is not '{_LEAD}', a problem, a blank line and a step")
    return body[:at], body[at + len(_BLANK) :]


def _label(turn: str, where: str) -> int:
    verdict = parse_turn(turn).verdict
    if verdict not in VERDICTS:
        raise InputError(f"{where}: no verdict, allowed: Yes or No boxed in the last <output>")
    return VERDICTS[verdict]


def _write(solution: LabelledSolution) -> dict[str, Any]:
    further = dict(solution.further)
    system = further.pop("system", None)
    messages = [{"role": "system", "content": system}] if isinstance(system, str) else []
    first, *later = solution.steps
    asked = [f"{_LEAD}{solution.problem}{_BLANK}{first}", *later]
    for step, turn in zip(asked[: len(solution.turns)], solution.turns, strict=True):
        messages += [{"role": "user", "content": step}, {"role": "assistant", "content": turn}]
    return with_further({"conversations": messages}, further)


GENPRM_MATH = one_per_row(_read, _write, needs="turns")
