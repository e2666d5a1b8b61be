"""Reports parameter versions to Dagster without a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.parameters import Version, parameter_key, parameter_versions
from assets.partitions import Pipeline
from orchestration.dagster_private import latest_version

DATA_VERSION_TAG = "dagster/data_version"
VALUE_CHARACTERS = 200


def _shown(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _shown(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, int | float) else str(value)[:VALUE_CHARACTERS]
    return found


def _observation(section: str, partition: str, version: Version) -> dg.AssetObservation:
    return dg.AssetObservation(
        parameter_key(section),
        partition=partition,
        tags={DATA_VERSION_TAG: version.fingerprint},
        metadata=_shown(version.values),
    )


def report_parameters(instance: dg.DagsterInstance, pipeline: Pipeline) -> list[str]:
    """Report the parameters whose version is not the one reported last; return their names, each with its
    partition."""
    changed = [
        _observation(section, partition, version)
        for section, versions in parameter_versions(pipeline).items()
        for partition, version in versions.items()
        if latest_version(instance, parameter_key(section), partition) != version.fingerprint
    ]
    for observation in changed:
        instance.report_runless_asset_event(observation)
    return [f"{observation.asset_key.to_user_string()} {observation.partition}" for observation in changed]
