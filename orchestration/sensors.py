"""The sensor that tells Dagster when a parameter changed."""

import dagster as dg

from assets.partitions import Pipeline
from genprm.profiles import load_profile
from orchestration.dagster_private import UnresolvedAssetJobDefinition
from orchestration.lock import run_in_progress
from orchestration.reporting import changed_parameters
from orchestration.worker import REASON_TAG

SECONDS = 30


def parameters_sensor(checks: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Reports the version of each parameter that changed, and has the `checks` look at what became stale."""

    @dg.sensor(
        name="parameters",
        job=checks,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports which parameters of the profile changed, and runs the checks `in_sync`, which warn on "
        "every asset that became stale. Nothing is made.",
    )
    def parameters(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if run_in_progress():
            return dg.SkipReason("a genprm run is in progress and reports its own parameters")
        found = changed_parameters(context.instance, Pipeline(load_profile()))
        if not found:
            return dg.SkipReason("no parameter changed")
        return dg.SensorResult(
            asset_events=found, run_requests=[dg.RunRequest(tags={REASON_TAG: "parameters changed"})]
        )

    return parameters
