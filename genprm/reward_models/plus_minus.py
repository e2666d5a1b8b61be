"""Reward models that answer + or - with their language head: Math-Shepherd and RLHFlow."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

from genprm.engines.base import EngineError
from genprm.engines.encoding import encode_text, encode_text_at
from genprm.engines.loading import load_tokenizer
from genprm.records import Message
from genprm.reward_models.checkpoint import load_causal, token_id
from genprm.reward_models.forward import ForwardRewardModel, MarkedTokens, Reading
from genprm.reward_models.layouts import (
    REPLY,
    around_replies,
    marked_lines,
    numbered,
    token_at,
)
from genprm.settings import EngineSettings

SHEPHERD_STEP_END = "▁ки"
"""Id 12902 in the published vocabulary; the answers `▁+` and `▁-` are 648 and 387."""


def two_token_reading(network: Any, plus: int, minus: int) -> Reading:
    """P(+) between the two answers; the language head is computed for these two tokens only."""
    head = network.get_output_embeddings()
    weight = head.weight[[plus, minus]].detach().to(network.device)
    bias = None if head.bias is None else head.bias[[plus, minus]].detach().to(network.device)

    def reading(states: torch.Tensor) -> torch.Tensor:
        return torch.softmax(torch.nn.functional.linear(states, weight, bias).float(), dim=-1)[:, 0]

    return reading


def load_math_shepherd(model: str, settings: EngineSettings) -> ForwardRewardModel:
    """Math-Shepherd-PRM-7B: `{problem} Step 1: ... ки`, line by line, with P(+) read at each ки.

    Raises:
        EngineError: a file is missing or wrong, or the vocabulary is not the published one.
    """
    tokenizer, network = load_tokenizer(model), load_causal(model, settings)
    mark, plus, minus = (token_id(tokenizer, model, token) for token in (SHEPHERD_STEP_END, "▁+", "▁-"))

    def layout(problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
        first, *later = numbered(steps)
        return [marked_lines(tokenizer, model, [f"{problem.strip()} {first}", *later], mark)]

    reading = two_token_reading(network, plus, minus)
    return ForwardRewardModel(model, network.base_model, layout, reading, settings)


def plus_turn_rows(tokenizer: Any, model: str, problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
    """A chat with a user turn per step, each answered by `+`; marked is the token before it, which predicts it.

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


def load_rlhflow(model: str, settings: EngineSettings) -> ForwardRewardModel:
    """RLHFlow's Llama3.1-8B-PRM (Mistral and Deepseek data): P(+) where each assistant turn begins.

    One pass serves all steps: what a published script asks turn by turn is a prefix of the same chat.

    Raises:
        EngineError: a file is missing or wrong, or the vocabulary is not the published one.
    """
    tokenizer, network = load_tokenizer(model), load_causal(model, settings)
    plus, minus = (token_id(tokenizer, model, token) for token in "+-")
    reading = two_token_reading(network, plus, minus)
    return ForwardRewardModel(
        model,
        network.base_model,
        lambda problem, steps: plus_turn_rows(tokenizer, model, problem, steps),
        reading,
        settings,
    )
