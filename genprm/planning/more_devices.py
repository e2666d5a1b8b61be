"""How many more of the same devices would do."""

from __future__ import annotations

from dataclasses import replace

from genprm.hardware.advice import ADAPTER
from genprm.hardware.devices import Hardware
from genprm.hardware.inference_memory import Serving, engine_gib, inference_memory, number_size
from genprm.hardware.shapes import ModelShape
from genprm.hardware.training_memory import Place, training_memory
from genprm.settings import EngineSettings, TrainingSettings

_MOST = 64
_NODE = 8
"""Devices of a node, where several are advised."""


def powers(most: int) -> list[int]:
    """One, two, four and so on, up to `most`.

    >>> powers(6)
    [1, 2, 4]
    """
    return [2**power for power in range(most.bit_length())]


def devices_for_engine(shape: ModelShape, settings: EngineSettings, hardware: Hardware) -> list[str]:
    """The smallest node that holds a model; empty where none does."""
    number = number_size(settings, is_gpu=True)
    for split in powers(_NODE):
        memory = inference_memory(shape, settings, Serving(split, number))
        if shape.heads % split == 0 and memory.gib <= engine_gib(settings, hardware):
            return [str(replace(hardware, nodes=1, devices=split))]
    return []


def devices_for_training(shape: ModelShape, settings: TrainingSettings, hardware: Hardware) -> list[str]:
    """The fewest devices that hold a training in shards, as it is; where none do, with an adapter."""
    adapted = settings.model_copy(update={"lora": ADAPTER})
    for changed, words in ((settings, ""), (adapted, f"--set training.lora.rank={ADAPTER.rank} on ")):
        for shards in shard_counts(changed, _MOST):
            if training_memory(shape, changed, Place(shards)).gib <= hardware.usable_gib:
                nodes = max(1, shards // _NODE)
                return [f"{words}{replace(hardware, nodes=nodes, devices=shards // nodes)}"]
    return []


def shard_counts(settings: TrainingSettings, most: int) -> list[int]:
    """Numbers of processes that can share a training: each has rows of its own in a batch."""
    return [count for count in powers(most) if settings.batch_size % (count * settings.device_batch_size) == 0]
