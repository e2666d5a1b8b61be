"""Tokens per second on given devices, by two limits: how fast memory is read, and how fast the device computes.

A decoding step reads the weights once for all of its rows, and the keys and values of each row. Reading prompts
takes two operations for each parameter and token. Training takes six: two forward, two for the gradients of
activations, two for those of weights. An adapter saves the last two; activations that are recomputed add two.
Attention itself is left out (a tenth of the rest at 8,192 tokens in a model of 7B).
"""

from __future__ import annotations

from genprm.hardware.devices import Hardware
from genprm.hardware.inference_memory import Serving, kv_bytes
from genprm.hardware.shapes import ModelShape
from genprm.hardware.training_memory import recomputes
from genprm.planning.assumptions import Assumptions
from genprm.planning.planned import Work
from genprm.settings import TrainingSettings


def decode_rate(
    shape: ModelShape, serving: Serving, hardware: Hardware, load: tuple[float, float], assumed: Assumptions
) -> float:
    """Tokens a second that one copy of a model writes.

    Args:
        load: rows that are decoded together, and the mean length of their contexts in tokens.
    """
    rows, context = load
    speed, together = hardware.speed, _together(serving, assumed)
    weights = shape.parameters * serving.number / serving.tensor_parallel
    reading = (weights + rows * context * kv_bytes(shape, serving)) / speed.bytes_per_second
    computing = 2 * shape.parameters * rows / serving.tensor_parallel / speed.flops
    return rows * together / max(reading / assumed.bandwidth_share, computing / assumed.read_share)


def read_rate(shape: ModelShape, serving: Serving, hardware: Hardware, assumed: Assumptions) -> float:
    """Tokens of prompts a second that one copy of a model reads."""
    flops = hardware.speed.flops * serving.tensor_parallel * _together(serving, assumed) * assumed.read_share
    return flops / (2 * shape.parameters)


def _together(serving: Serving, assumed: Assumptions) -> float:
    doublings = serving.tensor_parallel.bit_length() - 1
    return float(assumed.tensor_share**doublings)


def train_rate(
    shape: ModelShape, settings: TrainingSettings, hardware: Hardware, shards: int, assumed: Assumptions
) -> float:
    """Tokens a second that `shards` devices train on together; over several nodes `shard_share` is lost twice."""
    operations = (6 if settings.lora is None else 4) + (2 if recomputes(shape.parameters, settings) else 0)
    among = assumed.shard_share ** ((shards > 1) + (shards > hardware.devices))
    flops = shards * hardware.speed.flops * assumed.train_share * among
    return flops / (operations * shape.parameters)


def mean_context(work: Work) -> float:
    """Tokens in the context of a request while it is answered: its prompt and half of what it writes."""
    return max(1.0, (work.prompt_tokens + work.tokens / 2) / work.requests) if work.requests else 1.0
