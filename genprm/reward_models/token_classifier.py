"""A discriminative model as trained here: a head of two classes at the newline behind each step (paper eq. 1)."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from genprm.engines.base import EngineError
from genprm.engines.loading import load_tokenizer
from genprm.reward_models.base import RewardModel
from genprm.reward_models.layouts import newline_rows
from genprm.reward_models.registry import Adapter, from_forward_passes, register
from genprm.settings import EngineSettings

_ARCHITECTURE = "ForTokenClassification"


def load_token_classifier(model: str, settings: EngineSettings) -> RewardModel:
    """A discriminative model as trained here: P(right) at the newline behind each step (paper eq. 1).

    The checkpoint is one of transformers' `...ForTokenClassification` with two labels (wrong, right): `score`.

    Raises:
        EngineError: a file is missing or wrong.
    """
    from genprm.reward_models.networks.checkpoint import load_body
    from genprm.reward_models.networks.forward import ForwardRewardModel
    from genprm.reward_models.networks.heads import linear_head, load_head, second_class_reading

    tokenizer, body = load_tokenizer(model), load_body(model, settings, "score.")
    head = load_head(model, body, linear_head(body.config.hidden_size, 2), "score.")
    layout = partial(newline_rows, tokenizer)
    return ForwardRewardModel(model, body, layout, second_class_reading(head), settings)


def is_token_classifier(directory: Path) -> bool:
    """Whether a directory's `config.json` names an architecture `...ForTokenClassification`.

    Raises:
        EngineError: the file cannot be read.
    """
    config = directory / "config.json"
    if not config.is_file():
        return False
    try:
        architectures = json.loads(config.read_text()).get("architectures") or []
    except (ValueError, AttributeError) as error:
        raise EngineError(f"model {str(directory)!r}: config.json cannot be read: {error}") from None
    return any(str(name).endswith(_ARCHITECTURE) for name in architectures)


register(Adapter("token-classifier", from_forward_passes(load_token_classifier), {}, is_token_classifier))
