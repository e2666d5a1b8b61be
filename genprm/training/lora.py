"""Training an adapter in place of all weights (LoRA, through PEFT)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from genprm.engines.base import EngineError
from genprm.engines.unreadable import first_line
from genprm.settings import LoraSettings

ADAPTER = "adapter"
"""Folder of a checkpoint that holds the adapter alone."""
ALL_LINEAR = "all-linear"


def with_adapter(network: Any, settings: LoraSettings, seed: int, heads: Sequence[str] = ()) -> Any:
    """The network frozen, with a new adapter on it that is to be trained; it changes nothing yet, B = 0.

    Args:
        seed: of the adapter's beginning.
        heads: modules that are trained whole beside it, such as a new classification head.

    Raises:
        EngineError: no module of the network has a name of `settings.modules`.
    """
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    modules = list(settings.modules)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=ALL_LINEAR if modules == [ALL_LINEAR] else modules,
        modules_to_save=list(heads) or None,
        task_type="TOKEN_CLS" if heads else "CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(network, config)
    except ValueError as error:
        raise EngineError(f"training.lora.modules is {modules}: {first_line(error)}") from error
    # Recomputed activations start from the embedding, which has no gradient of its own.
    adapted.enable_input_require_grads()
    return adapted


def quantization(settings: LoraSettings | None, precision: str, heads: Sequence[str] = ()) -> dict[str, Any]:
    """How transformers is asked for a network whose layers are held in 4 bits; nothing where they are not.

    They are NF4 in blocks of 64, whose scales are quantised once more; what is computed with is as precise as the
    rest (QLoRA, Dettmers et al. 2023). New `heads` stay as they are.
    """
    if settings is None or not settings.quantized:
        return {}
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
        llm_int8_skip_modules=list(heads) or None,
    )
    return {"quantization_config": config}


def in_float32(model: Any) -> None:
    """Hold what is trained in float32: in bfloat16 small updates vanish. A new head has the format of the frozen
    network, and TRL makes an adapter on weights in 4 bits bfloat16."""
    for weight in model.parameters():
        if weight.requires_grad and weight.dtype != torch.float32:
            weight.data = weight.data.float()


def merged(model: Any, directory: Path) -> Any:
    """The model to save; an adapter on it is saved to a folder of `directory` first, and merged into it."""
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return model
    # Merged in float32: the sum rounds once, when it is saved. A GPU need not have room for that.
    whole = model.to("cpu", torch.float32)
    whole.save_pretrained(directory / ADAPTER)
    return whole.merge_and_unload()
