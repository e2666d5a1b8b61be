"""A published reward model, loaded by the adapter that reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from genprm.data_sets.rows import InputError
from genprm.engines import open_engine
from genprm.reward_models.base import RewardModel
from genprm.reward_models.dyve import Dyve
from genprm.reward_models.implicit import load_eurus
from genprm.reward_models.plus_minus import load_math_shepherd, load_rlhflow
from genprm.reward_models.published import ForwardAdapter, Published
from genprm.reward_models.step_heads import load_qwen, load_skywork, load_token_classifier
from genprm.reward_models.think_prm import ThinkPRM
from genprm.reward_models.universal import load_universal
from genprm.settings import EngineSettings

_FORWARD: Mapping[ForwardAdapter, Callable[[str, EngineSettings], RewardModel]] = {
    "math-shepherd": load_math_shepherd,
    "rlhflow": load_rlhflow,
    "skywork": load_skywork,
    "eurus": load_eurus,
    "qwen-prm": load_qwen,
    "universal": load_universal,
    "token-classifier": load_token_classifier,
}
_ONE_ANSWER = (*get_args(ForwardAdapter), "dyve")


def load_reward_model(model: str, how: Published, settings: EngineSettings, votes: int = 1) -> RewardModel:
    """The reward model, ready to score.

    Args:
        model: hub id or directory of the weights.
        how: what `find_published` says of it.
        settings: the engine of a generative model; of other models `dtype` and `max_context` count.
        votes: paths per solution, for models that sample.

    Raises:
        InputError: several votes or a backend that this model has no use for.
        EngineError: a file is missing or wrong.
    """
    if votes > 1 and how.adapter in _ONE_ANSWER:
        raise InputError(f"votes is {votes}, allowed for model {model!r}: 1 (it gives one answer)")
    if how.adapter == "dyve":
        return Dyve(open_engine(model, settings))
    if how.adapter == "thinkprm":
        return ThinkPRM(open_engine(model, settings), votes, generation_prompt=how.generation_prompt)
    if settings.backend != "transformers":
        raise InputError(
            f"engine is {settings.backend!r}, allowed for model {model!r}: transformers "
            "(its rewards are read from forward passes)"
        )
    return _FORWARD[how.adapter](model, settings)
