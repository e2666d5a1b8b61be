"""What an engine needs of each device that it runs on, and what it has left for keys and values."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genprm.hardware.devices import Hardware
from genprm.hardware.memory import FLOAT, HALF, Memory
from genprm.hardware.shapes import ModelShape
from genprm.settings import EngineSettings

_VLLM_SHARE = 0.9
"""Part of a device's memory that vLLM takes by default; CUDA graphs and its libraries need the rest."""
PREFILL_TOKENS = 16384
"""Tokens of prompts that backend transformers reads in one pass at most, unless a single one is longer."""
_VLLM_PREFILL_TOKENS = 8192
"""The same for vLLM, which reads longer prompts in parts, and tries the largest pass when it starts."""
_SLOT_COLUMNS = 16
"""Attention of backend transformers reads this many tokens of each row, or a multiple."""


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine has in hand at a time: rows that begin with `prompt` tokens each and end with `context`."""

    rows: int
    prompt: int
    context: int


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


def whole_contexts(settings: EngineSettings, rows: int = 1) -> Load:
    """Rows whose prompts fill the context."""
    return Load(rows, settings.max_context, settings.max_context)


def padded(columns: int) -> int:
    """The tokens, a multiple of 16, that backend transformers reads of a row with `columns` tokens.

    >>> padded(199), padded(208)
    (208, 208)
    """
    return -(-columns // _SLOT_COLUMNS) * _SLOT_COLUMNS


def slot_width(columns: int, context: int) -> int:
    """Tokens of a row that backend transformers makes room for where it needs `columns`: half as many more, so that
    growing rows are seldom copied, but no more than the `context`.

    >>> slot_width(200, 1024), slot_width(900, 1024)
    (312, 1024)
    """
    needed = padded(columns)
    return max(needed, min(needed + needed // 2, padded(context)))


def room(settings: EngineSettings, load: Load) -> int:
    """Tokens whose keys and values an engine has room for when rows that began together are at their end.

    >>> room(EngineSettings(backend="transformers", max_context=1024), Load(rows=8, prompt=200, context=320))
    3840
    """
    if settings.backend != "transformers":
        return load.rows * load.context
    width = slot_width(load.prompt, settings.max_context)
    while width < load.context:
        width = slot_width(width + 1, settings.max_context)
    return load.rows * width


def inference_memory(
    shape: ModelShape, settings: EngineSettings, serving: Serving, load: Load | None = None
) -> Memory:
    """What is on each device at the worse of two moments, when prompts are read or when the last tokens are
    sampled: weights, keys and values, and what a pass works with.

    Args:
        load: one whole context unless given.
    """
    load = load or whole_contexts(settings)
    kept = settings.prefix_cache_mb * 2**20 if settings.backend == "transformers" else 0

    def moment(context: int, work: float) -> Memory:
        tokens = room(settings, replace(load, context=context))
        return Memory(
            {
                "weights": shape.parameters * serving.number / serving.tensor_parallel,
                "keys and values": tokens * kv_bytes(shape, serving) + kept,
                "work": work,
            }
        )

    reading = moment(load.prompt, _reading(shape, serving, _read_together(settings, load)))
    choosing = moment(load.context, _choosing(shape, _chosen_together(settings, load)))
    return max(reading, choosing, key=lambda memory: memory.bytes)


def _read_together(settings: EngineSettings, load: Load) -> int:
    if settings.backend != "transformers":
        return _VLLM_PREFILL_TOKENS
    return max(load.prompt, min(PREFILL_TOKENS, load.rows * load.prompt))


def _chosen_together(settings: EngineSettings, load: Load) -> int:
    return load.rows if settings.backend == "transformers" else min(settings.max_batch, settings.max_in_flight)


def _reading(shape: ModelShape, serving: Serving, tokens: int) -> float:
    """Bytes of a pass over prompts, in the MLP of a block: three tensors of the MLP's width, four of the model's
    (embeddings, what came into the block and into the MLP, once more normalised), and the angles of positions."""
    wide = 3 * shape.intermediate / serving.tensor_parallel + 4 * shape.hidden + 2 * shape.head_size
    return tokens * wide * serving.number


def _choosing(shape: ModelShape, rows: int) -> float:
    """Bytes of sampling a token for each row: logits in float32, divided by temperature, as probabilities, and as
    cumulative sums."""
    return float(4 * rows * shape.vocabulary * FLOAT)
