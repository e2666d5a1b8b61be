"""Runs in MLflow, on a real SQLite database: links, endings, and what a child process needs."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from genprm.settings import TrackingSettings
from orchestration.tracking import MlflowTracking, flattened, mlflow_address


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowTracking]:
    """One database for all tests of this module: making its tables takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENPRM_HOME", str(tmp_path_factory.mktemp("tracking")))
        made = MlflowTracking(TrackingSettings(), "fake")
        made.client()
        yield made


def step(tracking: MlflowTracking, body: Any) -> tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]:
    """A step of asset `checkpoints`, partition `m`, that opens a tracked run and does `body` in it."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["m"]))
    def checkpoints(context: dg.AssetExecutionContext) -> None:
        with tracking.run(context, "m", {"sampling": {"top_p": 1.0}, "model": "m"}) as run:
            body(run)

    instance = dg.DagsterInstance.ephemeral()
    return dg.materialize([checkpoints], partition_key="m", instance=instance, raise_on_error=False), instance


def test_the_page_of_the_runs_is_known_once_there_is_an_experiment(
    tracking: MlflowTracking, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENPRM_MLFLOW_URL", "http://here:1")
    number = tracking.client().get_experiment_by_name("genprm").experiment_id
    page = f"http://here:1/#/experiments/{number}/runs?orderByKey=metrics.%60f1_pass1%60&orderByAsc=false"
    assert tracking.runs_page() == page
    assert MlflowTracking(TrackingSettings(uri=tracking.uri, experiment="another"), "fake").runs_page() is None
    assert MlflowTracking(TrackingSettings(), "fake").runs_page() is None
    assert not (home / "mlflow.db").exists(), "to ask makes no database"


@pytest.mark.parametrize(
    ("variable", "uri", "address"),
    [
        ("https://seen.example/", "http://mlflow:5000", "https://seen.example"),
        (None, "http://mlflow:5000/", "http://mlflow:5000"),
        (None, "sqlite:////data/mlflow.db", "http://127.0.0.1:5000"),
    ],
)
def test_links_lead_to_where_the_environment_says_else_to_the_server(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, uri: str, address: str
) -> None:
    monkeypatch.delenv("GENPRM_MLFLOW_URL", raising=False)
    if variable is not None:
        monkeypatch.setenv("GENPRM_MLFLOW_URL", variable)
    assert mlflow_address(uri) == address


def test_runs_link_both_ways_and_hold_what_was_logged(tracking: MlflowTracking, tmp_path: Path) -> None:
    environments: list[dict[str, str]] = []

    def body(run: Any) -> None:
        environments.append(run.environment())
        run.metrics({"short/f1_maj8": 81.5})
        run.series("loss", [2.0, 1.0])
        run.dataset("training_set", "0123456789abcdef", tmp_path / "t.parquet", "training")
        run.model("r1-distill-1.5b.main.full", tmp_path, "feedbeef")

    result, instance = step(tracking, body)
    assert result.success
    run_id = instance.get_run_by_id(result.run_id).tags["mlflow/run_id"]
    run = tracking.client().get_run(run_id)
    assert run.data.tags["dagster/run_id"] == result.run_id
    assert run.data.tags["dagster/partition"] == "m"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"sampling.top_p": "1.0", "model": "m"}
    assert run.data.metrics == {"short/f1_maj8": 81.5, "loss": 1.0}
    assert [point.step for point in tracking.client().get_metric_history(run_id, "loss")] == [1, 2]
    assert [item.dataset.digest for item in run.inputs.dataset_inputs] == ["0123456789abcdef"]
    (model,) = tracking.client().search_logged_models([run.info.experiment_id])
    assert model.name == "r1-distill-1_5b_main_full"
    assert environments[0]["MLFLOW_RUN_ID"] == run_id
    assert environments[0]["MLFLOW_TRACKING_URI"] == tracking.uri


def test_a_failing_step_ends_its_run_failed(tracking: MlflowTracking) -> None:
    def body(run: Any) -> None:
        raise ValueError("the loss is not a number")

    result, instance = step(tracking, body)
    assert not result.success
    run_id = instance.get_run_by_id(result.run_id).tags["mlflow/run_id"]
    assert tracking.client().get_run(run_id).info.status == "FAILED"


def test_an_interrupt_ends_the_run_too(tracking: MlflowTracking) -> None:
    def body(run: Any) -> None:
        raise KeyboardInterrupt

    result, _ = step(tracking, body)
    assert not result.success
    client = tracking.client()
    (experiment,) = client.search_experiments(filter_string="name = 'genprm'")
    assert client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'") == []


def test_what_a_killed_process_left_open_is_closed(tracking: MlflowTracking) -> None:
    client = tracking.client()
    (experiment,) = client.search_experiments(filter_string="name = 'genprm'")
    left = client.create_run(experiment.experiment_id, tags={"dagster/run_id": "killed"}).info.run_id
    other = client.create_run(experiment.experiment_id, tags={"dagster/run_id": "alive"}).info.run_id
    assert tracking.close_orphans(["killed"]) == 1
    assert client.get_run(left).info.status == "KILLED"
    assert client.get_run(other).info.status == "RUNNING"


LOST = {"unknown": "is not known to MLflow", "deleted": "was deleted in MLflow"}


@pytest.mark.parametrize("lost", LOST)
def test_metrics_of_a_run_that_is_lost_are_a_warning(tracking: MlflowTracking, lost: str) -> None:
    client = tracking.client()
    (experiment,) = client.search_experiments(filter_string="name = 'genprm'")
    earlier = "0" * 32
    if lost == "deleted":
        earlier = client.create_run(experiment.experiment_id).info.run_id
        client.delete_run(earlier)

    def body(run: Any) -> None:
        tracking.metrics(earlier, {"long/f1": 50.0})
        tracking.metrics(earlier, {"f1_pass1": 50.0})
        run.metrics({"f1": 50.0})

    result, instance = step(tracking, body)
    assert result.success
    warnings = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == logging.WARNING]
    assert warnings == [f"MLflow run {earlier} {LOST[lost]}: what belongs to it is not logged"] * 2
    run_id = instance.get_run_by_id(result.run_id).tags["mlflow/run_id"]
    assert client.get_run(run_id).data.metrics == {"f1": 50.0}


def test_a_metric_that_mlflow_refuses_is_an_error_still(tracking: MlflowTracking) -> None:
    result, _ = step(tracking, lambda run: tracking.metrics(run.id, {"no such:: name?": 50.0}))
    assert not result.success


def test_parameters_are_flat_text_without_empty_ones() -> None:
    values = {"model": "m", "sampling": {"top_p": 0.95, "stop": None}, "tiers": [{"below": 0.1}]}
    assert flattened(values) == {"model": "m", "sampling.top_p": "0.95", "tiers": "[{'below': 0.1}]"}
