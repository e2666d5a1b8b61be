"""Qwen2.5-Math-PRM: a head of two classes at a special token behind each step (arXiv 2501.07301)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from genprm.engines.loading import load_tokenizer
from genprm.records import Message
from genprm.reward_models.base import RewardModel
from genprm.reward_models.layouts import REPLY, MarkedTokens, around_replies, mark_token, marked_pieces, token_id
from genprm.reward_models.registry import Adapter, from_forward_passes, register
from genprm.settings import EngineSettings
from genprm.verification.rewards import THRESHOLD

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
STEP_END = "<extra_0>"
"""Id 151651 in the published vocabulary."""


def qwen_rows(tokenizer: Any, model: str, problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
    """The chat that Qwen2.5-Math-PRM was trained on, with `<extra_0>` behind each step as the mark.

    Raises:
        EngineError: the vocabulary has no such token, or the chat template does not keep the solution.
    """
    messages = [Message("system", SYSTEM), Message("user", problem), Message("assistant", REPLY)]
    lead, tail = around_replies(tokenizer, model, messages)
    pieces = [lead + steps[0], *steps[1:]]
    return [marked_pieces(tokenizer, "", pieces, token_id(tokenizer, model, STEP_END), tail)]


def load_qwen(model: str, settings: EngineSettings) -> RewardModel:
    """Qwen2.5-Math-PRM (7B, 72B) and Qwen2.5-Math-7B-PRM800K: P(right) of a two-layer head at each `<extra_0>`.

    The checkpoint is a Qwen2 body with `score.0`, `score.2` (hidden size -> hidden size -> 2; wrong, right). Its
    modelling code is not run. Positions above the 4,096 of its configuration are computed too; nothing is cut.

    Raises:
        EngineError: a file is missing or wrong.
    """
    from genprm.reward_models.networks.checkpoint import load_body
    from genprm.reward_models.networks.forward import ForwardRewardModel
    from genprm.reward_models.networks.heads import load_head, second_class_reading, two_layer_head

    tokenizer, body = load_tokenizer(model), load_body(model, settings, "score.")
    mark_token(tokenizer, model, STEP_END)
    head = load_head(model, body, two_layer_head(body.config.hidden_size, 2), "score.")
    layout = partial(qwen_rows, tokenizer, model)
    return ForwardRewardModel(model, body, layout, second_class_reading(head), settings)


register(
    Adapter(
        "qwen-prm",
        from_forward_passes(load_qwen),
        dict.fromkeys(
            ("Qwen/Qwen2.5-Math-PRM-7B", "Qwen/Qwen2.5-Math-PRM-72B", "Qwen/Qwen2.5-Math-7B-PRM800K"), THRESHOLD
        ),
    )
)
