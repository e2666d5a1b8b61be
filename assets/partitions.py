"""The partitions that follow from a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from genprm.lineup import Model, full_key, is_full, judged_otherwise, models_of, rankers
from genprm.settings import Profile, SettingsError

MOST_PARTITIONS = 99
"""Above this many upstream partitions per downstream one Dagster drops staleness without a word."""


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
        keys = [model.key for model in self.judges]
        if len(set(keys)) < len(keys):
            twice = sorted(key for key in set(keys) if keys.count(key) > 1)
            raise SettingsError(f"training.base: models {', '.join(twice)} would share a name; rename a base")
        models = len(self.models)
        judged = models * len(self.profile.evaluation.subsets)
        if judged > MOST_PARTITIONS:
            raise SettingsError(
                f"training and evaluation ask for {judged} results, one per model and subset ({models} models); "
                f"allowed: at most {MOST_PARTITIONS}"
            )
        ranked = len(self.rankers) * len(self.profile.scaling.sets)
        if ranked > MOST_PARTITIONS:
            raise SettingsError(
                f"training and scaling ask for {ranked} results, one per model and answer set "
                f"({len(self.rankers)} models); allowed: at most {MOST_PARTITIONS}"
            )

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """Every model with a checkpoint of its own."""
        return models_of(self.profile)

    @cached_property
    def otherwise(self) -> tuple[Model, ...]:
        """Those models again that also judge in other modes than they were trained in."""
        return judged_otherwise(self.profile)

    @property
    def judges(self) -> tuple[Model, ...]:
        """Everything that is measured on the benchmark."""
        return (*self.models, *self.otherwise)

    def model(self, key: str) -> Model:
        """The model called `key`."""
        return next(model for model in self.judges if model.key == key)

    def is_full(self, model: Model) -> bool:
        """Whether it is the paper's GenPRM: full mode, the first label variant, the whole training set."""
        return is_full(self.profile, model)

    def full(self, base: str) -> str:
        """The key of the GenPRM that a base becomes, whether the profile has it or not."""
        return full_key(self.profile, base)

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
    def judged_otherwise(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition([model.key for model in self.otherwise])

    @cached_property
    def answer_sets(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(list(self.profile.scaling.sets))

    @cached_property
    def rankers(self) -> tuple[Model, ...]:
        """The models that choose among candidates."""
        return rankers(self.profile)

    @cached_property
    def ranked(self) -> dg.StaticPartitionsDefinition:
        """`{model}|{answer set}`. Not two dimensions: one of them would have to be all models with a checkpoint."""
        return dg.StaticPartitionsDefinition(
            [ranked_key(model.key, name) for model in self.rankers for name in self.profile.scaling.sets]
        )

    def ranked_with(self) -> Mapping[str, list[str]]:
        """What is ranked with each checkpoint."""
        sets = self.profile.scaling.sets
        return {model.key: [ranked_key(model.key, name) for name in sets] for model in self.rankers}

    def ranked_from(self) -> Mapping[str, list[str]]:
        """What is ranked of each answer set."""
        return {name: [ranked_key(model.key, name) for model in self.rankers] for name in self.profile.scaling.sets}

    @cached_property
    def refined(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(list(self.profile.refinement.sets))

    def trained_on(self) -> Mapping[str, list[str]]:
        """The models trained on each label variant."""
        return {
            variant: [model.key for model in self.models if model.variant == variant]
            for variant in self.profile.labels.variant_names()
        }

    def judging_with(self) -> Mapping[str, list[str]]:
        """The models that judge otherwise with each checkpoint."""
        return {
            checkpoint: [model.key for model in self.otherwise if model.checkpoint == checkpoint]
            for checkpoint in dict.fromkeys(model.checkpoint for model in self.otherwise)
        }


def ranked_key(model: str, answer_set: str) -> str:
    """The partition in which a model ranks the candidates of an answer set."""
    return f"{model}|{answer_set}"


def dimension(partition_key: str, name: str) -> str:
    """One dimension of the key of the partition that a step makes."""
    assert isinstance(partition_key, dg.MultiPartitionKey)
    return partition_key.keys_by_dimension[name]
