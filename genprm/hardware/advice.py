"""Settings that would make work fit that does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from genprm.hardware.inference_memory import Serving, inference_memory
from genprm.hardware.shapes import ModelShape
from genprm.hardware.training_memory import Place, training_memory
from genprm.settings import EngineSettings, LoraSettings, TrainingSettings

ADAPTER = LoraSettings(rank=32)
"""The adapter that is advised; the shipped profiles with one have its rank."""
_SHORTEST = 1024
"""The shortest context that is advised, in tokens: conversations would not fit in a shorter one."""


def engine_settings(
    shape: ModelShape, settings: EngineSettings, servings: Sequence[Serving], usable_gib: float
) -> list[str]:
    """The longest context that fits in one of the ways to serve a model; empty where none does."""
    for length in halved(settings.max_context):
        shorter = settings.model_copy(update={"max_context": length})
        if any(inference_memory(shape, shorter, serving).gib <= usable_gib for serving in servings):
            return [f"--set engine.max_context={length}"]
    return []


def training_settings(
    shape: ModelShape,
    settings: TrainingSettings,
    places: Sequence[Place],
    usable_gib: float,
    adaptable: bool = True,
) -> list[str]:
    """Settings of which each alone lets a training fit in one of the places; empty where none does. They are an
    adapter (where it is `adaptable`; on weights in 4 bits if need be), moments in 8 bits, single rows, or the
    longest rows.
    """

    def fits(allowed: Sequence[Place] = places, **changes: object) -> bool:
        changed = settings.model_copy(update=changes)
        return any(training_memory(shape, changed, place).gib <= usable_gib for place in allowed)

    found = []
    adapter = settings.lora or ADAPTER
    rank = [] if settings.lora is not None else [f"--set training.lora.rank={adapter.rank}"]
    in_4_bits = adapter.model_copy(update={"quantized": True})
    alone = [place for place in places if place.shards == settings.processes == 1 and settings.rl is None]
    if adaptable and rank and fits(lora=adapter):
        found += rank
    elif adaptable and not adapter.quantized and fits(alone, lora=in_4_bits):
        found.append(" ".join([*rank, "--set training.lora.quantized=true"]))
    if settings.optimizer == "adamw" and fits(optimizer="adamw-8bit"):
        found.append("--set training.optimizer=adamw-8bit")
    if settings.device_batch_size > 1 and fits(device_batch_size=1):
        return [*found, "--set training.device_batch_size=1"]
    longest = next((length for length in halved(settings.max_length) if fits(max_length=length)), None)
    return found if longest is None else [*found, f"--set training.max_length={longest}"]


def halved(length: int) -> Iterator[int]:
    """Half of a length, a quarter and so on, as long as conversations fit in.

    >>> list(halved(8192))
    [4096, 2048, 1024]
    """
    while (length := length // 2) >= _SHORTEST:
        yield length
