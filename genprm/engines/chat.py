"""Conversations as prompt text, by a tokenizer's own chat template: the same text for every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genprm.engines.base import Engine, EngineError
from genprm.records import Message

_OPEN_TURN = "\u2063open turn\u2063"
"""Stands for the text of the open turn while the template is applied; no template or message holds it."""


def render_chat(tokenizer: Any, model: str, messages: Sequence[Message], prefill: str | None = None) -> str:
    """`Engine.render` for a tokenizer of transformers; `model` is the name that errors give.

    Raises:
        EngineError: the tokenizer has no chat template, or it changes what an assistant said.
    """
    if not tokenizer.chat_template:
        raise EngineError(f"model {model}: the tokenizer has no chat template")
    turns = [{"role": message.role, "content": message.content} for message in messages]
    if prefill is None:
        return str(tokenizer.apply_chat_template(turns, tokenize=False))
    continued = bool(turns) and turns[-1]["role"] == "assistant"
    if not prefill and not continued:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    if continued:
        # Rendered without the open turn's text, which a template may strip: what is appended stays as given.
        prefill = turns.pop()["content"] + prefill
    # The turn begins as a finished one would: a template's generation prompt may hold more (such as an opened
    # thought), which neither the history of a conversation nor its training tokens have.
    turns.append({"role": "assistant", "content": _OPEN_TURN})
    rendered = str(tokenizer.apply_chat_template(turns, tokenize=False))
    if rendered.count(_OPEN_TURN) != 1:
        raise EngineError(f"model {model}: the chat template does not render an assistant turn as it is")
    return rendered[: rendered.index(_OPEN_TURN)] + prefill


def before_turn(engine: Engine, messages: Sequence[Message], opening: str) -> str:
    """The conversation up to the assistant turn that is to begin with `opening`, as finished turns begin.

    Raises:
        EngineError: the chat template changes the opening.
    """
    rendered = engine.render(messages, prefill=opening)
    if not rendered.endswith(opening):
        raise EngineError(f"model {engine.model}: the chat template does not keep the prefill {opening!r}")
    return rendered.removesuffix(opening)
