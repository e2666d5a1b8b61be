"""Solutions as requests hold them: text, messages, or a chat template's text with a mark after each step."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from genprm.data_sets.chats import ASSISTANTS, USERS, last_turn, replied, template_messages
from genprm.data_sets.rows import InputError, shown
from genprm.data_sets.written_solutions import WrittenSolution, read_solution
from genprm.splitting.free_text import without_thought

STEP_END = "<extra_0>"
"""The mark after each step where a client asks as Qwen's reward models are asked."""


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
"""A message with role and content. The content is null in the call of a tool; if it is a list, some parts have
`text`."""


def written(problem: str, solution: str, where: str) -> WrittenSolution:
    """Read a problem and a solution as text: split at the marks after its steps if it has any, else as free text.

    A thought, and marks of a chat template at the end of the text, are left out.

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
        InputError: the messages are no chat, or hold no solution.
    """
    read = read_solution({"messages": messages}, where)
    said = last_turn(messages, ASSISTANTS, where)
    return written(read.problem, said, where) if STEP_END in said else read


def of_template(text: str, where: str) -> WrittenSolution:
    """Read a chat from the text that a known chat template writes.

    Raises:
        InputError: the text is something else.
    """
    messages = template_messages(text)
    if not messages:
        raise InputError(
            f"{where} is {shown(text)}, allowed: a chat with <|im_start|> and <|im_end|> or as Llama 3, Gemma or "
            "DeepSeek writes it, or 'messages'"
        )
    return of_messages(messages, where)
