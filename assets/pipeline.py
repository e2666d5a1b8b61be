"""The partitions that follow from a profile, and the models that are trained and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from genprm.settings import Mode, Profile, SettingsError

MOST_PARTITIONS = 99
"""Above this many upstream partitions per downstream one Dagster drops staleness without a word."""

REFERENCE = "rationale"
"""Key of the rationale model itself: what the trained models are distilled from."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model that is evaluated: `{base}.{variant}.{mode}` when trained here, `{base}.untrained` or `rationale`
    as a reference. `weights` names what it starts from, `mode` is how it judges."""

    key: str
    base: str
    variant: str | None
    mode: Mode
    weights: str

    @property
    def trained(self) -> bool:
        """Whether fine-tuning makes it."""
        return self.variant is not None


def models_of(profile: Profile) -> tuple[Model, ...]:
    """Trained models first, then the references."""
    training = profile.training
    trained = [
        Model(f"{base}.{variant}.{mode}", base, variant, mode, weights)
        for base, weights in training.base.items()
        for variant in training.variants
        for mode in training.modes
    ]
    untrained = [Model(f"{base}.untrained", base, None, "full", weights) for base, weights in training.base.items()]
    reference = Model(REFERENCE, REFERENCE, None, profile.rationales.mode, profile.rationales.model)
    return (*trained, *untrained, reference)


def _shard_keys(count: int) -> list[str]:
    width = len(str(count - 1))
    return [f"{index:0{width}d}-of-{count}" for index in range(count)]


@dataclass(frozen=True)
class Pipeline:
    """A profile with its partitions. A shard's key names the number of shards, because another number of shards
    is another division of the problems.

    Raises:
        SettingsError: two models would share a key, or there are too many partitions to track.
    """

    profile: Profile

    def __post_init__(self) -> None:
        keys = [model.key for model in self.models]
        if len(set(keys)) < len(keys):
            twice = sorted(key for key in set(keys) if keys.count(key) > 1)
            raise SettingsError(f"training.base: models {', '.join(twice)} would share a name; rename a base")
        judged = len(keys) * len(self.profile.evaluation.subsets)
        if judged > MOST_PARTITIONS:
            raise SettingsError(
                f"training and evaluation ask for {judged} results, one per model and subset ({len(keys)} models); "
                f"allowed: at most {MOST_PARTITIONS}"
            )
        ranked = len(keys) * len(self.profile.scaling.sets)
        if ranked > MOST_PARTITIONS:
            raise SettingsError(
                f"training and scaling ask for {ranked} results, one per model and answer set "
                f"({len(keys)} models); allowed: at most {MOST_PARTITIONS}"
            )

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """Every model that is evaluated."""
        return models_of(self.profile)

    def model(self, key: str) -> Model:
        """The model called `key`."""
        return next(model for model in self.models if model.key == key)

    @cached_property
    def shards(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(_shard_keys(self.profile.problems.shards))

    def shard_index(self, key: str) -> int:
        """Which shard a key names, from 0."""
        return self.shards.get_partition_keys().index(key)

    @cached_property
    def variants(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(self.profile.labels.variant_names())

    @cached_property
    def labelled(self) -> dg.MultiPartitionsDefinition:
        """Shard x label variant."""
        return dg.MultiPartitionsDefinition({"shard": self.shards, "variant": self.variants})

    @cached_property
    def checkpoints(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition([model.key for model in self.models])

    @cached_property
    def judged(self) -> dg.MultiPartitionsDefinition:
        """Model x benchmark subset."""
        subsets = dg.StaticPartitionsDefinition(list(self.profile.evaluation.subsets))
        return dg.MultiPartitionsDefinition({"model": self.checkpoints, "subset": subsets})

    @cached_property
    def answer_sets(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(list(self.profile.scaling.sets))

    @cached_property
    def ranked(self) -> dg.MultiPartitionsDefinition:
        """Model x answer set."""
        return dg.MultiPartitionsDefinition({"model": self.checkpoints, "set": self.answer_sets})

    def trained_on(self) -> Mapping[str, list[str]]:
        """The models trained on each label variant."""
        return {
            variant: [model.key for model in self.models if model.variant == variant]
            for variant in self.profile.labels.variant_names()
        }


def dimension(partition_key: str, name: str) -> str:
    """One dimension of the key of the partition that a step makes."""
    assert isinstance(partition_key, dg.MultiPartitionKey)
    return partition_key.keys_by_dimension[name]
