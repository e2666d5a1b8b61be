"""RLHFlow's process reward models: P(+) of the language head where each turn of the assistant begins."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.encoding import encode_text, encode_text_at
from genprm.engines.loading import load_tokenizer
from genprm.records import Message
from genprm.reward_models.base import RewardModel
from genprm.reward_models.layouts import REPLY, MarkedTokens, around_replies, token_at, token_id
from genprm.reward_models.registry import Adapter, from_forward_passes, register
from genprm.settings import EngineSettings
from genprm.verification.rewards import THRESHOLD


def plus_turn_rows(tokenizer: Any, model: str, problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
    """A chat with a user turn per step, each answered by `+`; the mark is the token before it, which predicts it.

    The first user turn is problem, space, step. Every earlier answer is `+`, also behind an error, as in training.

    Raises:
        EngineError: `+` is not a token of its own in the template's turns.
    """
    (plus,) = encode_text(tokenizer, "+")
    messages: list[Message] = []
    for index, step in enumerate(steps):
        messages.append(Message("user", f"{problem} {step}" if index == 0 else step))
        messages.append(Message("assistant", REPLY))
    texts = around_replies(tokenizer, model, messages)
    ids, spans = encode_text_at(tokenizer, functools.reduce(lambda chat, text: chat + "+" + text, texts))
    begins = [begin for begin, _ in spans]
    marks: list[int] = []
    character = -1
    for text in texts[:-1]:
        character += len(text) + 1
        answer = token_at(begins, character)
        if ids[answer] != plus:
            raise EngineError(
                f"model {model!r}: the answer + is not a token of its own; not the published tokenizer"
            )
        marks.append(answer - 1)
    return [MarkedTokens(ids, marks)]


def load_rlhflow(model: str, settings: EngineSettings) -> RewardModel:
    """RLHFlow's Llama3.1-8B-PRM (Mistral and Deepseek data): P(+) where each assistant turn begins.

    One pass serves all steps: every prompt that the published script sends, turn by turn, is a prefix of the chat.

    Raises:
        EngineError: a file is missing or wrong, or the vocabulary is not the published one.
    """
    from genprm.reward_models.networks.checkpoint import load_causal
    from genprm.reward_models.networks.forward import ForwardRewardModel
    from genprm.reward_models.networks.heads import two_token_reading

    tokenizer, network = load_tokenizer(model), load_causal(model, settings)
    plus, minus = (token_id(tokenizer, model, token) for token in "+-")
    layout, reading = functools.partial(plus_turn_rows, tokenizer, model), two_token_reading(network, plus, minus)
    return ForwardRewardModel(model, network.base_model, layout, reading, settings)


register(
    Adapter(
        "rlhflow",
        from_forward_passes(load_rlhflow),
        {"RLHFlow/Llama3.1-8B-PRM-Mistral-Data": THRESHOLD, "RLHFlow/Llama3.1-8B-PRM-Deepseek-Data": THRESHOLD},
    )
)
