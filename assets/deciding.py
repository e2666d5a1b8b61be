"""All values of a profile that an artifact depends on, for the tracked run that makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from assets.artifact import ArtifactContext, load_artifacts
from assets.parameters import parameter_versions
from assets.partitions import Pipeline
from genprm.lineup import Model

CHECKPOINTS = "checkpoints"


def decided_by(context: ArtifactContext, model: Model | None = None) -> dict[str, dict[str, Any]]:
    """The values that an artifact depends on, by section: its own, and those that its inputs are made with.

    Of sections that differ between models, only the part of `model` is taken. Without a model, checkpoints are left
    out; for a reference, which is not trained, so are training data.
    """
    versions = parameter_versions(context.pipeline)
    found: dict[str, dict[str, Any]] = {}
    for dependency in _dependencies(context.pipeline, context.artifact, model):
        section = dependency.asset_key.path[-1]
        for part in _parts(dependency, model):
            found.setdefault(section, {}).update(versions[section][part].values)
    return found


def _dependencies(pipeline: Pipeline, name: str, model: Model | None) -> Iterator[dg.AssetDep]:
    declared = load_artifacts()[name].declared
    yield from declared.parameters(pipeline)
    if name == CHECKPOINTS and model is not None and not model.trained:
        return
    for one in declared.inputs(pipeline):
        if one.name != CHECKPOINTS or model is not None:
            yield from _dependencies(pipeline, one.name, model)


def _parts(dependency: dg.AssetDep, model: Model | None) -> Sequence[str]:
    """The partitions of a section that the artifact depends on."""
    mapping = dependency.partition_mapping
    if isinstance(mapping, dg.SpecificPartitionsPartitionMapping):
        return list(mapping.partition_keys)
    assert model is not None, f"{dependency.asset_key.to_user_string()} differs from model to model"
    if isinstance(mapping, dg.StaticPartitionMapping):
        judged = mapping.downstream_partition_keys_by_upstream_partition_key
        return [part for part, models in judged.items() if model.key in models]
    return [str(model.variant) if dependency.asset_key.path[-1] == "labels" else model.checkpoint]
