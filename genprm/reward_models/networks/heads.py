"""Heads of reward models, filled from the checkpoint's own tensors, and what is read from them."""

from __future__ import annotations

from typing import Any

import torch

from genprm.engines.base import EngineError
from genprm.reward_models.networks.checkpoint import read_tensors
from genprm.reward_models.networks.forward import Reading


def linear_head(inputs: int, outputs: int, bias: bool = True) -> Any:
    """One linear layer: tensors `weight` (outputs, inputs) and `bias` (outputs,)."""
    return torch.nn.Linear(inputs, outputs, bias=bias)


def two_layer_head(inputs: int, outputs: int) -> Any:
    """Linear, ReLU, linear: tensors `0.weight`, `0.bias`, `2.weight`, `2.bias` (Qwen2.5-Math-PRM)."""
    return torch.nn.Sequential(torch.nn.Linear(inputs, inputs), torch.nn.ReLU(), torch.nn.Linear(inputs, outputs))


def load_head(model: str, body: Any, head: Any, prefix: str) -> Any:
    """`head` with the weights that the checkpoint keeps under `prefix`, on the device and in the dtype of `body`.

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


def sigmoid_reading(head: Any) -> Reading:
    """The sigmoid of a head with one output."""
    return lambda states: torch.sigmoid(head(states).float()).squeeze(-1)


def second_class_reading(head: Any) -> Reading:
    """P(right) of a head with two outputs, wrong and right."""
    return lambda states: torch.softmax(head(states).float(), dim=-1)[:, 1]


def two_token_reading(network: Any, plus: int, minus: int) -> Reading:
    """P(+) between the two answers; the language head is computed for these two tokens only."""
    head = network.get_output_embeddings()
    weight = head.weight[[plus, minus]].detach().to(network.device)
    bias = None if head.bias is None else head.bias[[plus, minus]].detach().to(network.device)

    def reading(states: torch.Tensor) -> torch.Tensor:
        return torch.softmax(torch.nn.functional.linear(states, weight, bias).float(), dim=-1)[:, 0]

    return reading
