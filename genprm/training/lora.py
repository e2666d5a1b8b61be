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
    """Freeze the network and put a new adapter on it to be trained; the adapter changes nothing yet, B = 0.

    Args:
        seed: for the initial values of the adapter.
        heads: modules that are trained as a whole beside the adapter, such as a new classification head.

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
    """Options for transformers to load a network with its layers in 4 bits; empty where they are not to be.

    Weights are NF4 in blocks of 64, whose scales are quantised once more; computing with them is as precise as with
    the rest (QLoRA, Dettmers et al. 2023). New `heads` are not quantised.
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
    """Convert trained weights to float32, because in bfloat16 small updates vanish. A new head has the number
    format of the frozen network, and TRL makes an adapter bfloat16 if the weights below it are in 4 bits."""
    for weight in model.parameters():
        if weight.requires_grad and weight.dtype != torch.float32:
            weight.data = weight.data.float()


def merged(model: Any, directory: Path) -> Any:
    """The model to save: an adapter is first saved to a folder of `directory`, then merged into the model."""
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return model
    # Merged in float32, so that the sum rounds once, when it is saved; on the CPU, as a GPU need not have the room.
    whole = model.to("cpu", torch.float32)
    whole.save_pretrained(directory / ADAPTER)
    return whole.merge_and_unload()
