"""How many more of the same devices would be enough."""

from __future__ import annotations

from dataclasses import replace

from genprm.hardware.devices import Hardware, larger
from genprm.hardware.inference_memory import Serving, engine_gib, inference_memory, number_size
from genprm.hardware.shapes import ModelShape
from genprm.hardware.training_memory import Place, training_memory
from genprm.settings import EngineSettings, TrainingSettings

_NODE = 8
"""The most devices of a node: an engine never spans several nodes."""
_NODES = 4
"""Nodes that a training is advised to take at most."""


def powers(most: int) -> list[int]:
    """One, two, four and so on, up to `most`.

    >>> powers(6)
    [1, 2, 4]
    """
    return [2**power for power in range(most.bit_length())]


def servings(shape: ModelShape, settings: EngineSettings, devices: int) -> list[Serving]:
    """The ways to share a model among so many devices of a node: each takes as many heads as the others. Backend
    transformers holds a model on one device."""
    most = 1 if settings.backend == "transformers" else devices
    number = number_size(settings, is_gpu=True)
    return [Serving(split, number) for split in powers(most) if shape.heads % split == 0]


def devices_for_engine(shape: ModelShape, settings: EngineSettings, hardware: Hardware) -> str | None:
    """The smallest node that holds a model; None where none does."""
    for serving in servings(shape, settings, _NODE):
        if inference_memory(shape, settings, serving).gib <= engine_gib(settings, hardware):
            return str(replace(hardware, nodes=1, devices=serving.tensor_parallel))
    return None


def devices_for_training(shape: ModelShape, settings: TrainingSettings, hardware: Hardware) -> str | None:
    """The fewest devices of this kind that hold a training in shards, on several nodes if one is too small; else
    the fewest of a larger kind; None where none are enough."""
    for kind in (hardware, *larger(hardware)):
        for shards in shard_counts(settings, replace(kind, nodes=_NODES, devices=_NODE)):
            if training_memory(shape, settings, Place(shards)).gib <= kind.usable_gib:
                nodes = max(1, shards // _NODE)
                return str(replace(kind, nodes=nodes, devices=shards // nodes))
    return None


def shard_counts(settings: TrainingSettings, hardware: Hardware) -> list[int]:
    """Numbers of processes that can share a training: each has rows of its own in a batch, and beyond one node they
    fill whole nodes. Only a single process where the weights are in 4 bits."""
    return [
        count
        for count in powers(1 if settings.in_4_bits else hardware.count)
        if settings.batch_size % (count * settings.device_batch_size) == 0
        and (count <= hardware.devices or count % hardware.devices == 0)
    ]
