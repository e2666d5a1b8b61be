"""Whether a training fits into the available memory, checked before its first step."""

from __future__ import annotations

import os

from genprm.engines.base import EngineError
from genprm.engines.loading import load_config, quantised
from genprm.hardware.advice import training_settings
from genprm.hardware.devices import devices_here, this_machine
from genprm.hardware.memory import GIB, Memory
from genprm.hardware.shapes import shape_of
from genprm.hardware.shortage import shortage
from genprm.hardware.training_memory import Place, training_memory
from genprm.training.job import TrainingJob
from genprm.training.tokens import EncodedSet

_NOTHING = Memory({})


def check_training(
    job: TrainingJob,
    longest: int,
    generative: bool = True,
    beside: Memory = _NOTHING,
    adaptable: bool = True,
) -> None:
    """Refuse a training that does not fit on its GPU; without a GPU only warn if the machine is too small.

    Args:
        longest: tokens of the longest row.
        generative: whether the head predicts tokens.
        beside: memory of what else is on the device during training.
        adaptable: whether an adapter could be trained in place of all weights.

    Raises:
        EngineError: the training needs more memory than is free (the message says what would fit), or is to
            quantise weights that are quantised already.
    """
    config = load_config(job.base)
    if quantised(config):
        if job.settings.in_4_bits:
            raise EngineError(f"training {job.base!r}: its weights are quantised; allowed without lora.quantized")
        return
    devices = devices_here()
    shards, index = (int(os.environ.get(name, value)) for name, value in (("WORLD_SIZE", 1), ("LOCAL_RANK", 0)))
    shape, place = shape_of(config, generative), Place(shards, bool(devices))
    needed = training_memory(shape, job.settings, place, generative, longest) + beside
    device = devices[index] if devices else this_machine()
    usable = device.free if devices else device.total / shards
    settings = job.settings.model_copy(update={"max_length": longest})
    advice = training_settings(shape, settings, [place], (usable - beside.bytes) / GIB, adaptable)
    line = shortage(f"training {job.base!r}", needed, device, usable, advice)
    if line is None:
        return
    if devices:
        raise EngineError(line)
    print(f"warning: {line}", flush=True)


def longest_row(data: EncodedSet) -> int:
    """Tokens of the longest row."""
    return max(len(row.input_ids) for row in data.rows)
