"""LoRA adapters as PEFT saves them: the model they belong to, and that model with an adapter merged into it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.unreadable import UNREADABLE, first_line
from genprm.extras import how_to_install

ADAPTER_CONFIG = "adapter_config.json"
"""File that marks a directory as a LoRA adapter."""
_WEIGHTS = "adapter_model.safetensors"


def adapter_base(model: str) -> str | None:
    """The base model that an adapter was trained on; None where `model` is not the directory of an adapter.

    Raises:
        EngineError: the adapter names no base model.
    """
    directory = Path(model)
    if not (directory / ADAPTER_CONFIG).is_file() or (directory / "config.json").is_file():
        return None
    try:
        base = json.loads((directory / ADAPTER_CONFIG).read_text()).get("base_model_name_or_path")
    except (ValueError, AttributeError):
        base = None
    if not isinstance(base, str) or not base:
        raise EngineError(
            f"model {model!r}: its {ADAPTER_CONFIG} names no base model (base_model_name_or_path); "
            "allowed: a directory or a hub id"
        )
    return base


def merge_adapter(network: Any, model: str) -> Any:
    """The network with the adapter of a directory added to its weights, W + (alpha / rank) B A (LoRA, eq. 3).

    Raises:
        EngineError: PEFT is not installed, a file of the adapter is missing or wrong, or the adapter does not fit
            the network.
    """
    if importlib.util.find_spec("peft") is None:
        raise EngineError(
            f"model {model!r} is a LoRA adapter, which needs the package peft: {how_to_install('train')}"
        )
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    try:
        with safe_open(Path(model) / _WEIGHTS, framework="pt") as file:
            given = set(file.keys())
        adapted = PeftModel.from_pretrained(network, model)
    except (*UNREADABLE, TypeError) as error:
        raise EngineError(f"model {model!r}: the adapter cannot be loaded: {first_line(error)}") from error
    # PEFT would leave weights that the adapter lacks at their random initial values.
    wanted = set(get_peft_model_state_dict(adapted))
    if given != wanted:
        missing, unexpected = sorted(wanted - given), sorted(given - wanted)
        raise EngineError(
            f"model {model!r}: the adapter's weights are not those of its configuration: {len(missing)} missing, "
            f"{len(unexpected)} unexpected ({(missing + unexpected)[0]})"
        )
    return adapted.merge_and_unload()
