"""Reward models with a head of their own, read at the token behind each step: Skywork, Qwen2.5-Math-PRM, ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from genprm.engines.base import EngineError
from genprm.engines.encoding import encode_text
from genprm.engines.loading import load_tokenizer
from genprm.engines.prompts import Prompt
from genprm.records import Message
from genprm.reward_models.checkpoint import load_body, mark_token, token_id
from genprm.reward_models.forward import ForwardRewardModel, MarkedTokens
from genprm.reward_models.heads import linear_head, load_head, two_layer_head
from genprm.reward_models.layouts import REPLY, around_replies, marked_pieces, single_line
from genprm.settings import EngineSettings

QWEN_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
QWEN_STEP_END = "<extra_0>"
"""Id 151651 in the published vocabulary."""


def newline_rows(tokenizer: Any, problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
    """BOS where there is one, problem, newline; then each step with the token of a newline behind it, the mark.

    A line break inside a step becomes a space, as every newline ends a step.
    """
    mark = encode_text(tokenizer, "\n")[-1]
    bos = tokenizer.bos_token or ""
    lead = Prompt(bos, ((0, len(bos)),) if bos else ()) + problem.strip() + "\n"
    return [marked_pieces(tokenizer, lead, [single_line(step) for step in steps], mark)]


def load_skywork(model: str, settings: EngineSettings) -> ForwardRewardModel:
    """Skywork-o1-Open-PRM (1.5B, 7B): the sigmoid of a value head at the newline behind each step.

    The checkpoint is a Qwen2 body with `v_head.summary` (hidden size -> 1, with bias).

    Raises:
        EngineError: a file is missing or wrong, or the tokenizer has no BOS token.
    """
    tokenizer, body = load_tokenizer(model), load_body(model, settings, "v_head.")
    if tokenizer.bos_token is None:
        raise EngineError(f"model {model!r}: the tokenizer has no BOS token, with which its input begins")
    head = load_head(model, body, linear_head(body.config.hidden_size, 1), "v_head.summary.")

    def reading(states: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(head(states).float()).squeeze(-1)

    return ForwardRewardModel(
        model, body, lambda problem, steps: newline_rows(tokenizer, problem, steps), reading, settings
    )


def load_token_classifier(model: str, settings: EngineSettings) -> ForwardRewardModel:
    """A discriminative model as trained here: P(right) at the newline behind each step (paper eq. 1).

    The checkpoint is one of transformers' `...ForTokenClassification` with two labels (wrong, right): `score`.

    Raises:
        EngineError: a file is missing or wrong.
    """
    tokenizer, body = load_tokenizer(model), load_body(model, settings, "score.")
    head = load_head(model, body, linear_head(body.config.hidden_size, 2), "score.")

    def reading(states: torch.Tensor) -> torch.Tensor:
        return torch.softmax(head(states).float(), dim=-1)[:, 1]

    return ForwardRewardModel(
        model, body, lambda problem, steps: newline_rows(tokenizer, problem, steps), reading, settings
    )


def qwen_rows(tokenizer: Any, model: str, problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
    """The chat that Qwen2.5-Math-PRM was trained on, with `<extra_0>` behind each step as the mark.

    Raises:
        EngineError: the vocabulary has no such token, or the chat template does not keep the solution.
    """
    messages = [Message("system", QWEN_SYSTEM), Message("user", problem), Message("assistant", REPLY)]
    lead, tail = around_replies(tokenizer, model, messages)
    pieces = [lead + steps[0], *steps[1:]]
    return [marked_pieces(tokenizer, "", pieces, token_id(tokenizer, model, QWEN_STEP_END), tail)]


def load_qwen(model: str, settings: EngineSettings) -> ForwardRewardModel:
    """Qwen2.5-Math-PRM (7B, 72B) and Qwen2.5-Math-7B-PRM800K: P(right) of a two-layer head at each `<extra_0>`.

    The checkpoint is a Qwen2 body with `score.0`, `score.2` (hidden size -> hidden size -> 2; wrong, right). Its
    modelling code is not run. Positions above the 4,096 of its configuration are computed, nothing is cut.

    Raises:
        EngineError: a file is missing or wrong.
    """
    tokenizer, body = load_tokenizer(model), load_body(model, settings, "score.")
    mark_token(tokenizer, model, QWEN_STEP_END)
    head = load_head(model, body, two_layer_head(body.config.hidden_size, 2), "score.")

    def reading(states: torch.Tensor) -> torch.Tensor:
        return torch.softmax(head(states).float(), dim=-1)[:, 1]

    return ForwardRewardModel(
        model, body, lambda problem, steps: qwen_rows(tokenizer, model, problem, steps), reading, settings
    )
