"""Artifacts that Dagster may make by itself: those that use no engine. Off until the sensor is turned on."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from assets.artifact import Artifact

CONDITION = dg.AutomationCondition.eager() | dg.AutomationCondition.code_version_changed()
"""Holds when an input, a parameter or the code of the artifact has a new version."""


def with_automation(artifact: Artifact, asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The asset of an artifact, with the automation condition if it uses no engine."""
    if artifact.declared.uses_engine:
        return asset
    return asset.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=CONDITION))


def automation_sensor(artifacts: Iterable[Artifact]) -> dg.AutomationConditionSensorDefinition:
    """Launches what the conditions ask for, once a user has turned it on."""
    cheap = [one.name for one in artifacts if not one.declared.uses_engine]
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.assets(*cheap),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Makes {', '.join(cheap)} by itself when what they are made from changed. It generates "
        "nothing and trains nothing.",
    )
