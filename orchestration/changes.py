"""Which values of a parameter changed since a partition was made: `labels.epsilon 0.8 -> 0.5`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

POINTER_TAG = "dagster/input_event_pointer/"
"""Tag prefix, followed by the key of an input: the event-log id of the newest version of it that was read."""
VALUE_CHARACTERS = 40
MOST_VALUES = 3


def changes_since(
    instance: dg.DagsterInstance,
    asset: dg.AssetKey,
    partition: str | None,
    parameter: dg.AssetKey,
    read: str | None,
) -> str:
    """What changed in the partition `read` of a parameter since a partition of an asset was made; empty where the
    values reported for the parameter do not show it."""
    made = instance.fetch_materializations(_records(asset, partition), limit=1).records
    event = made[0].asset_materialization if made else None
    pointer = (event.tags or {}).get(POINTER_TAG + parameter.to_user_string(), "") if event else ""
    if not pointer.isdecimal():
        return ""
    then = _reported(instance, parameter, read, before=int(pointer) + 1)
    now = _reported(instance, parameter, read)
    return differences(parameter.path[-1], then, now)


def differences(section: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The values that differ, old and new; empty where one of the two is unknown.

    >>> differences("labels", {"epsilon": 0.8, "estimator": "ratio"}, {"epsilon": 0.5, "estimator": "ratio"})
    'labels.epsilon 0.8 -> 0.5'
    >>> differences("training", {"epochs": 1}, {"epochs": 1, "share": 0.5})
    'training.share unset -> 0.5'
    """
    if not then or not now:
        return ""
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    told = [f"{section}.{name} {_value(then, name)} -> {_value(now, name)}" for name in names[:MOST_VALUES]]
    more = f" and {len(names) - MOST_VALUES} more values" if len(names) > MOST_VALUES else ""
    return ", ".join(told) + more


def _value(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "unset"
    text = " ".join(str(values[name]).split())
    return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 3] + "..."


def _reported(
    instance: dg.DagsterInstance, parameter: dg.AssetKey, partition: str | None, before: int | None = None
) -> dict[str, Any]:
    found = instance.fetch_observations(_records(parameter, partition, before), limit=1).records
    event = found[0].asset_observation if found else None
    return {} if event is None else {name: value.value for name, value in event.metadata.items()}


def _records(key: dg.AssetKey, partition: str | None, before: int | None = None) -> dg.AssetRecordsFilter:
    return dg.AssetRecordsFilter(
        key, asset_partitions=None if partition is None else [partition], before_storage_id=before
    )
