"""What an engine needs of each device that it runs on, and what it has left for keys and values."""

from __future__ import annotations

from dataclasses import dataclass

from genprm.hardware.devices import Hardware
from genprm.hardware.memory import FLOAT, HALF, Memory
from genprm.hardware.shapes import ModelShape
from genprm.settings import EngineSettings

_VLLM_SHARE = 0.9
"""Part of a device's memory that vLLM takes unless told; CUDA graphs and its libraries want the rest."""
_READ_AT_ONCE = 8192
"""Tokens of prompts that vLLM reads in one pass."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is served: on how many devices that share it (tensor parallel), and in which number format."""

    tensor_parallel: int = 1
    number: int = HALF


def vllm_share(settings: EngineSettings) -> float:
    """Part of a device's memory that vLLM takes."""
    told = settings.gpu_memory_utilization
    return _VLLM_SHARE if told is None else told


def engine_gib(settings: EngineSettings, hardware: Hardware) -> float:
    """What an engine may take of one device."""
    if settings.backend == "vllm":
        return min(hardware.usable_gib, vllm_share(settings) * hardware.gib)
    return hardware.usable_gib


def number_size(settings: EngineSettings, is_gpu: bool) -> int:
    """Bytes of one weight, one key or one value: in `auto`, two on a GPU and four on a CPU."""
    half = settings.dtype == "bfloat16" or (settings.dtype == "auto" and is_gpu)
    return HALF if half else FLOAT


def kv_bytes(shape: ModelShape, serving: Serving) -> float:
    """Bytes on each device for one token of a context. Devices beyond the key-value heads hold copies."""
    return shape.kv_numbers * serving.number / min(serving.tensor_parallel, shape.kv_heads)


def inference_memory(
    shape: ModelShape, settings: EngineSettings, serving: Serving, kv_tokens: int | None = None
) -> Memory:
    """What has to lie on each device: weights, keys and values, and what one pass works with.

    Args:
        kv_tokens: tokens whose keys and values lie there; those of one whole context unless given.
    """
    tokens = settings.max_context if kv_tokens is None else kv_tokens
    read = min(_READ_AT_ONCE, settings.max_context) if settings.backend == "transformers" else _READ_AT_ONCE
    wide = read * (2 * shape.intermediate / serving.tensor_parallel + 4 * shape.hidden) * serving.number
    rows = min(settings.max_batch, settings.max_in_flight)
    logits = 2 * rows * shape.vocabulary * FLOAT
    return Memory(
        {
            "weights": shape.parameters * serving.number / serving.tensor_parallel,
            "keys and values": tokens * kv_bytes(shape, serving),
            "work": wide + logits,
        }
    )
