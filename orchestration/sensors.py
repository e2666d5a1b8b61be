"""The sensor that tells Dagster which parameters changed, and what is out of date."""

import json
from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from assets.partitions import Pipeline
from genprm.fingerprints import fingerprint
from genprm.profiles import load_profile
from genprm.store import profile_store
from orchestration.checks import in_sync
from orchestration.dagster_private import AssetGraph
from orchestration.lock import run_in_progress
from orchestration.reporting import report_parameters
from orchestration.survey import Survey, survey

SECONDS = 20


def parameters_sensor(checked: Sequence[dg.AssetKey], graph: Callable[[], AssetGraph]) -> dg.SensorDefinition:
    """Reports the version of each parameter that changed, and what `in_sync` says of the assets `checked`."""

    @dg.sensor(
        name="parameters",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks which parameters of the profile changed and which partitions are out of date, for that "
        "or any other reason; `in_sync` then warns on every asset concerned. Nothing is made and no run is "
        "launched: the asset `refresh` makes what is stale.",
    )
    def parameters(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        profile, instance = load_profile(), context.instance
        # A genprm run in progress reports its own parameters, perhaps of another profile.
        changed = [] if run_in_progress() else report_parameters(instance, Pipeline(profile))
        found = survey(instance, graph(), profile_store(profile.name))
        said = json.loads(context.cursor or "{}")
        seen = _evaluations(instance, found, checked)
        news = {asset: (digest, event) for asset, (digest, event) in seen if said.get(asset) != digest}
        if not news:
            return dg.SkipReason("nothing changed")
        context.log.info(f"changed: {', '.join(changed) or 'no parameter'}; looked at again: {', '.join(news)}")
        cursor = said | {asset: digest for asset, (digest, _) in news.items()}
        return dg.SensorResult(asset_events=[event for _, event in news.values()], cursor=json.dumps(cursor))

    return parameters


def _evaluations(
    instance: dg.DagsterInstance, found: Survey, checked: Sequence[dg.AssetKey]
) -> Iterator[tuple[str, tuple[str, dg.AssetCheckEvaluation]]]:
    """For each asset its evaluation, with a digest of the evaluation and of the asset's newest materialization,
    because the pages show no result that is older than that materialization."""
    newest = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization_storage_id
        for record in instance.get_asset_records(checked)
    }
    for key in checked:
        result = in_sync(found, key)
        evaluation = dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=str(result.check_name),
            passed=result.passed,
            severity=result.severity,
            metadata=result.metadata,
        )
        digest = fingerprint(f"{newest.get(key)} {evaluation.passed} {evaluation.metadata}")
        yield key.to_user_string(), (digest, evaluation)
