"""The last question of a chat and the reply: from messages, the text of a chat template, or plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, shown

USERS = ("user", "human")
ASSISTANTS = ("assistant", "gpt", "model")

_TEMPLATES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|\Z)",  # ChatML: Qwen and others
        r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)(?:<\|eot_id\|>|\Z)",  # Llama 3
        r"<start_of_turn>(\w+)\n(.*?)(?:<end_of_turn>|\Z)",  # Gemma
        r"<｜(User|Assistant)｜>(.*?)(?=<｜|\Z)",  # DeepSeek and its distilled models
    )
)
_TEMPLATE_MARK = re.compile(r"<\|\w+\|>|<start_of_turn>|\[INST\]|<｜\w+｜>")
_END_MARKS = re.compile(r"(?:\s|<\|\w+\|>|</s>|<eos>|<end_of_turn>|<pad>|\[PAD\]|<｜[^｜]+｜>)+\Z")


def template_messages(text: str) -> list[dict[str, str]]:
    """The messages of a chat as ChatML, Llama 3, Gemma or DeepSeek writes it; none in any other text.

    >>> template_messages("<|im_start|>user\\n1 + 1?<|im_end|>\\n<|im_start|>assistant\\n")
    [{'role': 'user', 'content': '1 + 1?'}, {'role': 'assistant', 'content': ''}]
    """
    found = next((turns for template in _TEMPLATES if (turns := template.findall(text))), [])
    return [{"role": role.lower(), "content": content} for role, content in found]


def asked(prompt: Any, where: str) -> str:
    """The question of a prompt: the user's last turn in messages or a chat template's text; else the plain text.

    The content of a message may be in parts, and may itself be the text of a chat template.

    Raises:
        InputError: no turn of a user, or text in an unknown chat template.
    """
    if not isinstance(prompt, str):
        text = last_turn(prompt, USERS, where)
        messages = template_messages(text)
        return last_turn(messages, USERS, where) if messages else text
    messages = template_messages(prompt)
    if messages:
        return last_turn(messages, USERS, where)
    if _TEMPLATE_MARK.search(prompt):
        raise InputError(
            f"{where} is {shown(prompt)}, allowed: messages, a plain text, or a chat as ChatML, Llama 3, Gemma or "
            "DeepSeek writes it"
        )
    return prompt


def replied(completion: Any, where: str) -> str:
    """The reply: a text, or the assistant's last turn, without the end marks of chat templates.

    Raises:
        InputError: messages without a turn of the assistant.
    """
    text = completion if isinstance(completion, str) else last_turn(completion, ASSISTANTS, where)
    return _END_MARKS.sub("", text)


def last_turn(messages: Any, roles: Sequence[str], where: str) -> str:
    """The text of the last message by one of `roles`.

    Raises:
        InputError: there is none, or `messages` are no messages.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise InputError(f"{where} is {shown(messages)}, allowed: a text, or messages with role and content")
    turns = [read_turn(message, index, where) for index, message in enumerate(messages)]
    found = [index for index, (role, _) in enumerate(turns) if role in roles]
    if not found:
        raise InputError(f"{where} has no turn of the {roles[0]}")
    return turn_text(messages[found[-1]], found[-1], where)


def turn_text(message: Any, index: int, where: str) -> str:
    """The text of a message.

    Raises:
        InputError: as `read_turn`, or it has no content.
    """
    _, text = read_turn(message, index, where)
    if text is None:
        raise bad_field(where, f"messages[{index}]", message, "an object with role and content, both strings")
    return text


def read_turn(message: Any, index: int, where: str) -> tuple[str, str | None]:
    """Role and text of a message. The text parts of a content in parts are joined; the text is None where there is
    no content, as in a tool call.

    Raises:
        InputError: it has no role, or its content is of another kind.
    """
    place = f"messages[{index}]"
    if not isinstance(message, Mapping):
        raise bad_field(where, place, message, "an object with role and content")
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list):
        content = "\n".join(
            part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        )
    if not isinstance(role, str) or not isinstance(content, str | None):
        raise bad_field(where, place, message, "an object with role and content, both strings")
    return role, content
