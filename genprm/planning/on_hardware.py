"""A plan on given hardware: each artifact that needs an engine or a training, where it goes, and for how long."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from genprm.engines import resolve_model
from genprm.engines.loading import load_config
from genprm.hardware.advice import ADAPTER, engine_settings, training_settings
from genprm.hardware.devices import Hardware
from genprm.hardware.inference_memory import engine_gib
from genprm.hardware.published import published_config
from genprm.hardware.shapes import ModelShape, shape_of
from genprm.hardware.training_memory import Place
from genprm.planning.assumptions import Assumptions
from genprm.planning.more_devices import devices_for_engine, devices_for_training, servings, shard_counts
from genprm.planning.placement import Placement, best, inference_placements, training_placements
from genprm.planning.planned import Planned, Work
from genprm.settings import EngineSettings, Profile, TrainingSettings


@dataclass(frozen=True, slots=True)
class Placed:
    """What one model does for an artifact, on the best placement; `advice` is what would fit where it does not."""

    artifact: str
    model: str
    placement: Placement
    advice: tuple[str, ...] = ()

    @property
    def refusal(self) -> str:
        """Why it cannot be done, in one line."""
        where = self.placement
        return (
            f"{self.artifact}: {self.model} needs {where.memory.gib:.1f} GiB on each device ({where.way}), "
            f"{where.lack_gib:.1f} GiB more than the {where.usable_gib:.1f} that are for work; would fit: "
            + (", or ".join(self.advice) or "nothing that this plan knows")
        )


def place(profile: Profile, rows: Sequence[Planned], hardware: Hardware, assumed: Assumptions) -> list[Placed]:
    """Place every artifact of a plan, model by model, in the order of the plan; estimators that are not chosen are
    left out.

    Raises:
        EngineError: the configuration of a model cannot be had.
    """
    placed = []
    for row in rows:
        works: dict[str, list[Work]] = {}
        for work in row.work if row.chosen else ():
            works.setdefault(work.model, []).append(work)
        for model, of_model in works.items():
            placed.append(_place(profile, row.artifact, model, of_model, hardware, assumed))
    return placed


@functools.cache
def model_shape(model: str) -> ModelShape:
    """The shape of a model: as published, if that is known here, or from its configuration on disk or on the hub.

    Raises:
        EngineError: the configuration cannot be had, or is of an architecture that transformers does not know.
    """
    place = resolve_model(model, weights=False)
    return shape_of(published_config(place) or load_config(place))


def _place(
    profile: Profile, artifact: str, model: str, works: Sequence[Work], hardware: Hardware, assumed: Assumptions
) -> Placed:
    shape = model_shape(model)
    trained = sum(work.trained for work in works)
    if trained:
        found = best(training_placements(shape, profile.training, hardware, trained, assumed))
        advice = [] if found.fits else _training_advice(shape, profile.training, hardware)
    else:
        found = best(inference_placements(shape, profile.engine, hardware, works, assumed))
        advice = [] if found.fits else _engine_advice(shape, profile.engine, hardware)
    return Placed(artifact, model, found, tuple(advice))


def _engine_advice(shape: ModelShape, settings: EngineSettings, hardware: Hardware) -> list[str]:
    ways = servings(shape, settings, hardware.devices)
    shorter = engine_settings(shape, settings, ways, engine_gib(settings, hardware))
    more = devices_for_engine(shape, settings, hardware)
    if more is None and settings.backend == "transformers":
        more = devices_for_engine(shape, settings.model_copy(update={"backend": "vllm"}), hardware)
        more = more and f"--set engine.backend=vllm on {more}"
    return shorter if more is None else [*shorter, more]


def _training_advice(shape: ModelShape, settings: TrainingSettings, hardware: Hardware) -> list[str]:
    places = [Place(shards) for shards in shard_counts(settings, hardware)]
    found = training_settings(shape, settings, places, hardware.usable_gib)
    adapter = f"--set training.lora.rank={ADAPTER.rank}"
    if settings.lora is None and adapter not in found:
        more = devices_for_training(shape, settings.model_copy(update={"lora": ADAPTER}), hardware)
        found += [] if more is None else [f"{adapter} on {more}"]
    more = devices_for_training(shape, settings, hardware)
    return found if more is None else [*found, more]


def refusals(placed: Sequence[Placed]) -> list[str]:
    """What cannot be done on this hardware, a line each; of artifacts that place a model alike, only the first."""
    seen = set()
    lines = []
    for one in placed:
        key = (one.model, one.placement.way)
        if not one.placement.fits and key not in seen:
            seen.add(key)
            lines.append(one.refusal)
    return lines
