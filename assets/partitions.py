"""The partitions that follow from a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from genprm.data_sets.problems import shard_keys
from genprm.lineup import Lineup
from genprm.settings import MAIN_VARIANT, Profile, SettingsError
from genprm.store import partition_key

MOST_PARTITIONS = 99
"""Above this many upstream partitions per downstream one, Dagster silently stops tracking staleness."""


@dataclass(frozen=True)
class Pipeline:
    """A profile with its line-up of models and its partitions.

    Raises:
        SettingsError: two models would share a key, or there are too many partitions to track.
    """

    profile: Profile

    def __post_init__(self) -> None:
        lineup, profile = self.lineup, self.profile
        judged = len(lineup.models) * len(profile.evaluation.subsets)
        if judged > MOST_PARTITIONS:
            raise SettingsError(
                f"training and evaluation ask for {judged} results, one per model and subset "
                f"({len(lineup.models)} models); allowed: at most {MOST_PARTITIONS}"
            )
        searched = len(profile.search.chosen_methods) * len(profile.search.sets)
        if searched > MOST_PARTITIONS:
            raise SettingsError(
                f"search asks for {searched} results, one per method and answer set; "
                f"allowed: at most {MOST_PARTITIONS}"
            )
        ranked = len(lineup.rankers) * len(profile.scaling.sets)
        if ranked > MOST_PARTITIONS:
            raise SettingsError(
                f"training and scaling ask for {ranked} results, one per model and answer set "
                f"({len(lineup.rankers)} models); allowed: at most {MOST_PARTITIONS}"
            )

    @cached_property
    def lineup(self) -> Lineup:
        """The models, and the roles that they play."""
        return Lineup(self.profile)

    @property
    def imported(self) -> bool:
        """Whether models are trained on an imported set, so that nothing is sampled, labelled or filtered."""
        return self.profile.training.source is not None

    @property
    def sampled(self) -> bool:
        """Whether solutions are sampled and scored here."""
        return self.profile.given is None

    @property
    def solutions_from(self) -> str:
        """The name of the artifact, and of its table, that holds the solutions to be judged for training."""
        return "solutions" if self.sampled else "imported_solutions"

    @cached_property
    def shards(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(shard_keys(self.profile.problems.shards))

    def shard_index(self, key: str) -> int:
        """Which shard a key names, from 0."""
        return self.shards.get_partition_keys().index(key)

    @cached_property
    def variants(self) -> dg.StaticPartitionsDefinition:
        """Label variants; one for an imported set, whose labels are given."""
        names = [MAIN_VARIANT] if self.imported else self.profile.labels.variant_names()
        return dg.StaticPartitionsDefinition(names)

    @cached_property
    def labelled(self) -> dg.MultiPartitionsDefinition:
        """Shard x label variant."""
        return dg.MultiPartitionsDefinition({"shard": self.shards, "variant": self.variants})

    @cached_property
    def checkpoints(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition([model.key for model in self.lineup.models])

    @cached_property
    def judged(self) -> dg.MultiPartitionsDefinition:
        """Model x benchmark subset."""
        subsets = dg.StaticPartitionsDefinition(list(self.profile.evaluation.subsets))
        return dg.MultiPartitionsDefinition({"model": self.checkpoints, "subset": subsets})

    @cached_property
    def judged_otherwise(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition([model.key for model in self.lineup.otherwise])

    @cached_property
    def answer_sets(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(list(self.profile.scaling.sets))

    @cached_property
    def ranked(self) -> dg.StaticPartitionsDefinition:
        """`{model}|{answer set}`. Not two dimensions: one of them would have to be all models with a checkpoint."""
        return dg.StaticPartitionsDefinition(
            [partition_key(model.key, name) for model in self.lineup.rankers for name in self.profile.scaling.sets]
        )

    def ranked_with(self) -> Mapping[str, list[str]]:
        """The partitions of `ranked` that use each checkpoint."""
        sets = self.profile.scaling.sets
        return {model.key: [partition_key(model.key, name) for name in sets] for model in self.lineup.rankers}

    def ranked_from(self) -> Mapping[str, list[str]]:
        """The partitions of `ranked` that use each answer set."""
        return {
            name: [partition_key(model.key, name) for model in self.lineup.rankers]
            for name in self.profile.scaling.sets
        }

    @cached_property
    def searched(self) -> dg.StaticPartitionsDefinition:
        """`{method}|{answer set}`."""
        search = self.profile.search
        return dg.StaticPartitionsDefinition(
            [partition_key(method, name) for method in search.chosen_methods for name in search.sets]
        )

    def searched_from(self) -> Mapping[str, list[str]]:
        """The partitions of `searched` that use each answer set."""
        search = self.profile.search
        return {name: [partition_key(method, name) for method in search.chosen_methods] for name in search.sets}

    @cached_property
    def refined(self) -> dg.StaticPartitionsDefinition:
        return dg.StaticPartitionsDefinition(list(self.profile.refinement.sets))

    def trained_on(self) -> Mapping[str, list[str]]:
        """The models trained on each label variant."""
        return {
            variant: [model.key for model in self.lineup.models if model.variant == variant]
            for variant in self.variants.get_partition_keys()
        }

    def judging_with(self) -> Mapping[str, list[str]]:
        """The models that judge in another mode with each checkpoint."""
        return {
            checkpoint: [model.key for model in self.lineup.otherwise if model.checkpoint == checkpoint]
            for checkpoint in dict.fromkeys(model.checkpoint for model in self.lineup.otherwise)
        }


def by_dimension(name: str) -> dg.PartitionMapping:
    """The mapping between an artifact with this one dimension and one with a second, too: this one's keys match."""
    return dg.MultiToSingleDimensionPartitionMapping(name)
