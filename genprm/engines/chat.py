"""Conversations as prompts, by a tokenizer's own chat template: the same for every backend.

What messages say is data: a control token that is spelled out in one stays text (`genprm.engines.prompts`). A
template without a system role (Gemma) gets the system message in front of the first user turn, with a blank line
between them. Some templates (Qwen3) open the last turn with a thought and drop the thought once other turns follow.
With these, every turn of the assistant is written as if others followed it, so that a conversation only ever grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from genprm.engines.base import Engine, EngineError
from genprm.engines.encoding import encoder_of
from genprm.engines.prompts import Prompt
from genprm.records import Message

_OPEN = Message("assistant", "\u2063open turn\u2063")
"""Stands for the open turn while the template is applied; no template or message holds its text."""
_NEXT = Message("user", "The next turn.")
"""Placed after the open turn while the template is applied, to see how a turn begins that others follow."""


def render_chat(tokenizer: Any, model: str, messages: Sequence[Message], prefill: str | None = None) -> Prompt:
    """`Engine.render` for a tokenizer of transformers; `model` is the name that errors give.

    Raises:
        EngineError: there is no chat template, it does not work, or it changes what an assistant said.
    """
    continued = bool(messages) and messages[-1].role == "assistant"
    if not continued and not prefill:
        return apply_template(tokenizer, model, messages, open_turn=prefill is not None)
    *messages, last = messages if continued else [*messages, Message("assistant", "")]
    # The turn begins as a finished one would: a template's generation prompt may hold more (such as an opened
    # thought), and neither the history of a conversation nor its training tokens have that.
    before, _ = _around(tokenizer, model, [*messages, _OPEN, _NEXT])
    if prefill is not None:
        # The open turn's text is appended after rendering, because a template may strip it.
        return before + (last.content + prefill)
    as_last, behind = _around(tokenizer, model, [*messages, _OPEN])
    if as_last == before:
        return apply_template(tokenizer, model, [*messages, last])
    return before + last.content + behind


def _around(tokenizer: Any, model: str, messages: Sequence[Message]) -> tuple[Prompt, Prompt]:
    """What a template writes before and after the text of the open turn."""
    rendered = apply_template(tokenizer, model, messages)
    if rendered.count(_OPEN.content) != 1:
        raise EngineError(f"model {model}: the chat template does not render an assistant turn as it is")
    begin = rendered.index(_OPEN.content)
    return rendered[:begin], rendered[begin + len(_OPEN.content) :]


def apply_template(tokenizer: Any, model: str, messages: Sequence[Message], open_turn: bool = False) -> Prompt:
    """Render the conversation with the template; with `open_turn` it ends with the generation prompt.

    Raises:
        EngineError: there is no chat template, or it does not work.
    """
    if not tokenizer.chat_template:
        raise EngineError(f"model {model}: the tokenizer has no chat template")
    controls = encoder_of(tokenizer).controls
    contents, mark = controls.disguise([message.content for message in messages])
    turns = [{"role": message.role, "content": text} for message, text in zip(messages, contents, strict=True)]
    try:
        rendered = _apply_template(tokenizer, turns, open_turn)
    except TemplateError as error:
        raise EngineError(f"model {model}: the chat template does not work: {error}") from error
    return controls.prompt(rendered, mark)


def _apply_template(tokenizer: Any, turns: list[dict[str, str]], open_turn: bool) -> str:
    with_system = len(turns) > 1 and [turn["role"] for turn in turns[:2]] == ["system", "user"]
    try:
        rendered = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=open_turn))
    except TemplateError:
        if not with_system:
            raise
    else:
        if not with_system or turns[0]["content"].strip() in rendered:
            return rendered
    system, user, *others = turns
    joined = {"role": "user", "content": f"{system['content']}\n\n{user['content']}"}
    return str(tokenizer.apply_chat_template([joined, *others], tokenize=False, add_generation_prompt=open_turn))


def before_turn(engine: Engine, messages: Sequence[Message], opening: str) -> str:
    """The prompt up to `opening`, with which a new assistant turn begins; the turn is begun as finished turns are.

    Raises:
        EngineError: the chat template changes the opening.
    """
    rendered = engine.render(messages, prefill=opening)
    if not rendered.endswith(opening):
        raise EngineError(f"model {engine.model}: the chat template does not keep the prefill {opening!r}")
    return rendered.removesuffix(opening)
