"""Where the work of a plan goes on given hardware: how models are split over devices, what that takes of their
memory, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genprm.hardware.devices import Hardware
from genprm.hardware.inference_memory import (
    Load,
    Serving,
    engine_gib,
    inference_memory,
    kv_bytes,
    room,
    whole_contexts,
)
from genprm.hardware.memory import GIB, Memory
from genprm.hardware.shapes import ModelShape
from genprm.hardware.training_memory import Place, training_memory
from genprm.planning.assumptions import Assumptions
from genprm.planning.more_devices import servings, shard_counts
from genprm.planning.planned import Work
from genprm.planning.rates import decode_rate, mean_context, read_rate, train_rate
from genprm.settings import EngineSettings, TrainingSettings


@dataclass(frozen=True, slots=True)
class Placement:
    """One way to place a model: `split` devices share each of its `copies`. `hours` is None where it does not fit.

    For an engine, `memory` holds one whole context, and `rows` of the mean length fit beside each other.
    """

    way: str
    split: int
    copies: int
    memory: Memory
    usable_gib: float
    hours: float | None
    rows: int | None = None

    @property
    def fits(self) -> bool:
        """Whether each device has the memory."""
        return self.memory.gib <= self.usable_gib

    @property
    def lack_gib(self) -> float:
        """What each device is short of; below 0 where it fits."""
        return self.memory.gib - self.usable_gib

    @property
    def gpu_hours(self) -> float:
        """Hours of all devices that it takes together; 0 where it does not fit."""
        return (self.hours or 0.0) * self.split * self.copies


def best(placements: Sequence[Placement]) -> Placement:
    """The fastest that fits; where none does, the one that lacks least."""
    return min(placements, key=lambda one: (not one.fits, one.hours if one.fits else one.lack_gib))


def inference_placements(
    shape: ModelShape, settings: EngineSettings, hardware: Hardware, works: Sequence[Work], assumed: Assumptions
) -> list[Placement]:
    """Placements with one device for each copy of a model, with two, four and so on within a node; copies fill all
    devices."""
    return [
        _served(shape, settings, hardware, serving, works, assumed)
        for serving in servings(shape, settings, hardware.devices)
    ]


def _served(
    shape: ModelShape,
    settings: EngineSettings,
    hardware: Hardware,
    serving: Serving,
    works: Sequence[Work],
    assumed: Assumptions,
) -> Placement:
    split = serving.tensor_parallel
    memory = inference_memory(shape, settings, serving)
    usable, copies = engine_gib(settings, hardware), hardware.count // split
    way = f"{_times(copies, 'copy', 'copies')}, {_times(split, 'device', 'devices')} each"
    if memory.gib > usable:
        return Placement(way, split, copies, memory, usable, None)
    of_token = kv_bytes(shape, serving)
    left = usable * GIB - memory.bytes + room(settings, whole_contexts(settings)) * of_token
    seconds, fewest = 0.0, settings.max_batch
    for work in works:
        context = mean_context(work)
        fitting = int(left / (room(settings, Load(1, round(context), round(context))) * of_token))
        rows = max(1, min(fitting, settings.max_batch, round(work.requests / copies)))
        fewest = min(fewest, rows)
        written = work.tokens / decode_rate(shape, serving, hardware, (rows, context), assumed)
        seconds += (written + work.prefix_tokens / read_rate(shape, serving, hardware, assumed)) / copies
    return Placement(way, split, copies, memory, usable, seconds / 3600, fewest)


def training_placements(
    shape: ModelShape, settings: TrainingSettings, hardware: Hardware, tokens: float, assumed: Assumptions
) -> list[Placement]:
    """Placements on one device, and in shards over two, four and so on, as long as each has rows of its own; beyond
    one node on whole nodes."""
    found = []
    kind = "all weights" if settings.lora is None else f"LoRA of rank {settings.lora.rank}"
    for shards in shard_counts(settings, hardware):
        memory = training_memory(shape, settings, Place(shards))
        fits = memory.gib <= hardware.usable_gib
        rate = train_rate(shape, settings, hardware, shards, assumed)
        nodes = f" on {shards // hardware.devices} nodes" if shards > hardware.devices else ""
        way = f"{_times(shards, 'shard', 'shards')}{nodes}, {kind}"
        hours = tokens / rate / 3600 if fits else None
        found.append(Placement(way, shards, 1, memory, hardware.usable_gib, hours))
    return found


def _times(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
