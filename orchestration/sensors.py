"""The sensor that tells Dagster when a parameter changed."""

import dagster as dg

from assets.partitions import Pipeline
from genprm.profiles import load_profile
from orchestration.lock import run_in_progress
from orchestration.reporting import changed_parameters

SECONDS = 30


def parameters_sensor() -> dg.SensorDefinition:
    """Reports the version of each parameter that changed in the profile; no run is launched."""

    @dg.sensor(
        name="parameters",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports which parameters of the profile changed; what depends on them then shows as stale.",
    )
    def parameters(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if run_in_progress():
            return dg.SkipReason("a genprm run is in progress and reports its own parameters")
        found = changed_parameters(context.instance, Pipeline(load_profile()))
        if not found:
            return dg.SkipReason("no parameter changed")
        return dg.SensorResult(asset_events=found)

    return parameters
