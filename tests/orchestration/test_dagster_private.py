"""What each private name of Dagster is needed for: what fails here after a change of version has moved there."""

import enum
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

import orchestration
from orchestration import dagster_private

PRIVATE = re.compile(r"\bdagster\._")


@dg.asset(check_specs=[dg.AssetCheckSpec("own", asset="number")], code_version="1")
def number() -> Iterator[dg.MaterializeResult[None]]:
    """An artifact with a check of its own step."""
    yield dg.MaterializeResult(
        data_version=dg.DataVersion("a"), check_results=[dg.AssetCheckResult(passed=True, check_name="own")]
    )


@dg.asset(deps=[number])
def square() -> None:
    """An artifact that is made from it, and fails."""
    raise dg.Failure("it is\nno number")


@dg.asset_check(asset=number)
def beside() -> dg.AssetCheckResult:
    """A check that stands beside the artifact."""
    return dg.AssetCheckResult(passed=True)


DEFINITIONS = dg.Definitions(assets=[number, square], asset_checks=[beside])


class Colour(enum.StrEnum):
    """Text in Python, and no text to the code server."""

    RED = "red"


def test_what_cannot_be_sent_to_the_pages_is_found() -> None:
    assert '"number"' in dagster_private.sent_to_pages(DEFINITIONS)
    painted = dg.asset(name="painted", group_name=Colour.RED)(lambda: None)
    with pytest.raises(Exception, match="Can only serialize whitelisted Enums, received Colour"):
        dagster_private.sent_to_pages(dg.Definitions(assets=[painted]))


def test_no_other_module_imports_what_is_private() -> None:
    folder = Path(orchestration.__file__).parent
    found = [path.name for path in folder.rglob("*.py") if PRIVATE.search(path.read_text())]
    assert found == ["dagster_private.py"]


def test_an_artifact_is_made_with_the_checks_of_its_own_step_only() -> None:
    job = dagster_private.artifact_job(DEFINITIONS, "number")
    result = job.execute_in_process()
    assert [check.check_name for check in result.get_asset_check_evaluations()] == ["own"]


def test_a_run_records_its_location_and_artifact_and_makes_no_more_checks_for_it() -> None:
    job = dagster_private.artifact_job(DEFINITIONS, "number")
    with dg.DagsterInstance.ephemeral() as instance:
        with dagster_private.runs_of_location(instance, "a_location", job):
            result = job.execute_in_process(instance=instance)
        assert [check.check_name for check in result.get_asset_check_evaluations()] == ["own"]
        run = result.dagster_run
        assert run.asset_selection == {number.key}
        assert run.remote_job_origin is not None
        assert run.remote_job_origin.repository_origin.code_location_origin.location_name == "a_location"
        assert job.execute_in_process(instance=instance).dagster_run.remote_job_origin is None


def test_the_resolver_tells_missing_from_fresh_and_stale() -> None:
    graph = DEFINITIONS.resolve_asset_graph()
    assert isinstance(graph, dagster_private.AssetGraph)
    with dg.DagsterInstance.ephemeral() as instance:
        resolver = dagster_private.stale_status_resolver(instance, graph)
        assert resolver.get_status(number.key, None) == dagster_private.StaleStatus.MISSING
        dagster_private.artifact_job(DEFINITIONS, "number").execute_in_process(instance=instance)
        resolver = dagster_private.stale_status_resolver(instance, graph)
        assert resolver.get_status(number.key, None) == dagster_private.StaleStatus.FRESH
        assert resolver.get_current_data_version(number.key, None).value == "a"


def test_the_last_reported_version_of_an_external_asset_is_found() -> None:
    key = dg.AssetKey("parameter")
    with dg.DagsterInstance.ephemeral() as instance:
        assert dagster_private.latest_version(instance, key, "main") is None
        tags = {"dagster/data_version": "0123"}
        instance.report_runless_asset_event(dg.AssetObservation(key, partition="main", tags=tags))
        assert dagster_private.latest_version(instance, key, "main") == "0123"


def test_a_failed_step_says_what_its_failure_says() -> None:
    job = dagster_private.artifact_job(DEFINITIONS, "square")
    result = job.execute_in_process(raise_on_error=False)
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert isinstance(failure, dagster_private.StepFailureData)
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == "it is\nno number"


def test_the_daemon_can_be_run_as_a_module() -> None:
    assert importlib.util.find_spec(f"{dagster_private.DAEMON_MODULE}.__main__") is not None
