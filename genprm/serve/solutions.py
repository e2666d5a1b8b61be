"""Solutions as requests hold them: text, messages, or a chat template's text with a mark behind each step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, shown
from genprm.data_sets.written_solutions import WrittenSolution, read_solution

STEP_END = "<extra_0>"
"""What stands behind each step where a client asks as Qwen's reward models are asked."""
_TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|\Z)", re.DOTALL)


def written(problem: str, solution: str, where: str) -> WrittenSolution:
    """A problem and a solution as text: split at the marks behind its steps where it has them, else by itself.

    Raises:
        InputError: the text holds no solution.
    """
    if STEP_END not in solution:
        return read_solution({"problem": problem, "solution": solution}, where)
    steps = [step.strip() for step in solution.split(STEP_END) if step.strip()]
    return read_solution({"problem": problem, "steps": steps}, where)


def of_messages(messages: Any, where: str) -> WrittenSolution:
    """The last turn of the assistant as a solution of what the user asked before it.

    Raises:
        InputError: they are no chat, or hold no solution.
    """
    read = read_solution({"messages": messages}, where)
    said = [message["content"] for message in messages if message["role"] not in ("user", "human", "system")]
    return written(read.problem, said[-1], where) if isinstance(said[-1], str) and STEP_END in said[-1] else read


def template_messages(text: str) -> list[dict[str, str]]:
    """The messages of a chat as ChatML writes it; none where the text is something else."""
    return [{"role": role, "content": content} for role, content in _TURN.findall(text)]


def of_template(text: str, where: str) -> WrittenSolution:
    """A chat as a template of ChatML writes it.

    Raises:
        InputError: it is something else.
    """
    messages = template_messages(text)
    if not messages:
        raise InputError(
            f"{where} is {shown(text)}, allowed: a chat with <|im_start|> and <|im_end|>, or 'messages'"
        )
    return of_messages(messages, where)


def last_request(messages: Sequence[Mapping[str, Any]], where: str) -> str:
    """What the user asked last.

    Raises:
        InputError: no message of a user that is text.
    """
    asked = [one.get("content") for one in messages if one.get("role") == "user"]
    if not asked or not isinstance(asked[-1], str):
        raise bad_field(where, "messages", list(messages), "messages, one of them the user's")
    return asked[-1]
