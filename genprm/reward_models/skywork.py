"""Skywork-o1-Open-PRM: a value head at the newline behind each step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.loading import load_tokenizer
from genprm.reward_models.base import RewardModel
from genprm.reward_models.layouts import MarkedTokens, blank_breaks, newline_rows
from genprm.reward_models.registry import Adapter, from_forward_passes, register
from genprm.settings import EngineSettings


def skywork_rows(tokenizer: Any, problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
    """A solution as Skywork reads it: every line break of a step is a blank."""
    return newline_rows(tokenizer, problem, steps, blank_breaks)


def load_skywork(model: str, settings: EngineSettings) -> RewardModel:
    """Skywork-o1-Open-PRM (1.5B, 7B): the sigmoid of a value head at the newline behind each step.

    The checkpoint is a Qwen2 body with `v_head.summary` (hidden size -> 1, with bias).

    Raises:
        EngineError: a file is missing or wrong, or the tokenizer has no BOS token.
    """
    from genprm.reward_models.networks.checkpoint import load_body
    from genprm.reward_models.networks.forward import ForwardRewardModel
    from genprm.reward_models.networks.heads import linear_head, load_head, sigmoid_reading

    tokenizer, body = load_tokenizer(model), load_body(model, settings, "v_head.")
    if tokenizer.bos_token is None:
        raise EngineError(f"model {model!r}: the tokenizer has no BOS token, with which its input begins")
    head = load_head(model, body, linear_head(body.config.hidden_size, 1), "v_head.summary.")
    layout = partial(skywork_rows, tokenizer)
    return ForwardRewardModel(model, body, layout, sigmoid_reading(head), settings)


register(
    Adapter(
        "skywork",
        from_forward_passes(load_skywork),
        {"Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B": None, "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B": None},
    )
)
