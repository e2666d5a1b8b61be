"""Whether an engine fits into the available memory, and how many tokens the rest has room for."""

from __future__ import annotations

import sys
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.loading import is_gguf, load_config, quantised
from genprm.hardware.advice import engine_settings
from genprm.hardware.devices import devices_here, this_machine
from genprm.hardware.inference_memory import (
    Serving,
    inference_memory,
    kv_bytes,
    number_size,
    padded,
    vllm_share,
    whole_contexts,
)
from genprm.hardware.memory import FLOAT, GIB
from genprm.hardware.shapes import shape_of
from genprm.hardware.shortage import shortage
from genprm.settings import EngineSettings

_USABLE = 0.9
"""Part of a GPU's free memory that keys and values get; the rest is lost between blocks of torch's allocator."""


def check_engine(model: str, settings: EngineSettings) -> None:
    """Refuse a model that does not fit on the GPUs of one copy; without GPUs only warn if the machine is too small.

    Quantised weights pass unchecked, because only their files say how much memory they take.

    Raises:
        EngineError: the model needs more memory than is free; the message says what would fit.
    """
    config = None if is_gguf(model) else load_config(model)
    if config is None or settings.quantization or quantised(config):
        return
    devices = devices_here()
    number = number_size(settings, is_gpu=bool(devices))
    if devices and settings.backend == "transformers" and settings.dtype == "auto":
        number = min(FLOAT, getattr(config.dtype, "itemsize", number))
    shape = shape_of(config)
    serving = Serving(settings.tensor_parallel, number)
    needed = inference_memory(shape, settings, serving)
    if not devices:
        machine = this_machine()
        line = shortage(f"model {model!r}", needed, machine, machine.total, [])
        if line is not None:
            print(f"warning: {line}", file=sys.stderr)
        return
    device = devices[0]
    usable = min(device.free, vllm_share(settings) * device.total) if settings.backend == "vllm" else device.free
    advice = engine_settings(shape, settings, [serving], usable / GIB)
    line = shortage(f"model {model!r}", needed, device, usable, advice)
    if line is not None:
        raise EngineError(line)


def room_for_tokens(network: Any, settings: EngineSettings) -> int | None:
    """The tokens whose keys and values fit into `engine.kv_cache_mb`, else beside a loaded network on its GPU; None
    where neither sets a limit. A whole context always has room."""
    if settings.kv_cache_mb is None and network.device.type != "cuda":
        return None
    shape, serving = shape_of(network.config), Serving(number=network.dtype.itemsize)
    if settings.kv_cache_mb is not None:
        limit: float = settings.kv_cache_mb * 2**20
    else:
        load = whole_contexts(settings, settings.max_batch)
        work = inference_memory(shape, settings, serving, load).parts["work"]
        limit = _USABLE * devices_here()[0].free - work - settings.prefix_cache_mb * 2**20
    return max(int(limit / kv_bytes(shape, serving)), padded(settings.max_context))
