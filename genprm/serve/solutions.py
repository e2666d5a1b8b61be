"""Solutions as requests hold them: text, messages, or a chat template's text with a mark behind each step."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from genprm.data_sets.chats import ASSISTANTS, USERS, last_turn, replied, template_messages
from genprm.data_sets.rows import InputError, shown
from genprm.data_sets.written_solutions import WrittenSolution, read_solution
from genprm.splitting.free_text import without_thought

STEP_END = "<extra_0>"
"""What stands behind each step where a client asks as Qwen's reward models are asked."""


_TEXT = {"type": "string"}
_PART = {"type": "object", "properties": {"type": _TEXT, "text": _TEXT}}
MESSAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "examples": [*USERS, *ASSISTANTS]},
        "content": {"anyOf": [_TEXT, {"type": "array", "items": _PART}, {"type": "null"}]},
    },
    "required": ["role", "content"],
}
ChatMessage = Annotated[dict[str, Any], WithJsonSchema(MESSAGE_SCHEMA)]
"""A message with role and content, which is null in the call of a tool; one in parts has `text` in some of them."""


def written(problem: str, solution: str, where: str) -> WrittenSolution:
    """A problem and a solution as text: split at the marks behind its steps where it has them, else by itself.

    A thought, and marks of a chat template that end the text, are no part of it.

    Raises:
        InputError: the text holds no solution.
    """
    said = replied(solution, where)
    marked = without_thought(said)
    if STEP_END not in marked:
        return read_solution({"problem": problem, "solution": said}, where)
    steps = [step.strip() for step in marked.split(STEP_END) if step.strip()]
    return read_solution({"problem": problem, "steps": steps}, where)


def of_messages(messages: Any, where: str) -> WrittenSolution:
    """The last turn of the assistant as a solution of what the user asked before it.

    Raises:
        InputError: they are no chat, or hold no solution.
    """
    read = read_solution({"messages": messages}, where)
    said = last_turn(messages, ASSISTANTS, where)
    return written(read.problem, said, where) if STEP_END in said else read


def of_template(text: str, where: str) -> WrittenSolution:
    """A chat as the text of a template that is known.

    Raises:
        InputError: it is something else.
    """
    messages = template_messages(text)
    if not messages:
        raise InputError(
            f"{where} is {shown(text)}, allowed: a chat with <|im_start|> and <|im_end|> or as Llama 3, Gemma or "
            "DeepSeek writes it, or 'messages'"
        )
    return of_messages(messages, where)
