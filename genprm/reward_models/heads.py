"""Heads of reward models: small modules on the hidden states, filled from the checkpoint's own tensors."""

from __future__ import annotations

from typing import Any

import torch

from genprm.engines.base import EngineError
from genprm.reward_models.checkpoint import read_tensors


def linear_head(inputs: int, outputs: int, bias: bool = True) -> Any:
    """One linear layer: tensors `weight` (outputs, inputs) and `bias` (outputs,)."""
    return torch.nn.Linear(inputs, outputs, bias=bias)


def two_layer_head(inputs: int, outputs: int) -> Any:
    """Linear, ReLU, linear: tensors `0.weight`, `0.bias`, `2.weight`, `2.bias` (Qwen2.5-Math-PRM)."""
    return torch.nn.Sequential(torch.nn.Linear(inputs, inputs), torch.nn.ReLU(), torch.nn.Linear(inputs, outputs))


def load_head(model: str, body: Any, head: Any, prefix: str) -> Any:
    """`head` with the weights that the checkpoint keeps under `prefix`, where and as precise as `body`.

    Raises:
        EngineError: they are missing, or of another shape.
    """
    tensors = read_tensors(model, prefix)
    try:
        head.load_state_dict(tensors)
    except RuntimeError:
        expected = {name: tuple(tensor.shape) for name, tensor in head.state_dict().items()}
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise EngineError(f"model {model!r}: its head {prefix}* holds {found}, expected {expected}") from None
    return head.to(device=body.device, dtype=body.dtype).eval()
