"""Runs in MLflow, linked with Dagster's both ways. MLflow is imported only where used: the import takes a second.

A run ends with the block that opened it: FINISHED, or FAILED when the block raises or is interrupted. What a killed
process left open is closed by `close_orphans`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import dagster as dg

from assets.resources import Benchmark, Verified
from genprm.evaluation.promotion import Contender
from genprm.settings import TrackingSettings
from orchestration import postgres
from orchestration.data_sets import make_data_set
from orchestration.home import artifacts_folder, mlflow_database
from orchestration.model_registry import ModelRegistry, logged_model
from orchestration.past_runs import takes_more
from orchestration.traces import TraceTarget, log_traces

if TYPE_CHECKING:
    from mlflow import MlflowClient

MLFLOW_ADDRESS = "http://127.0.0.1:5000"
DAGSTER_ADDRESS = "http://127.0.0.1:3000"
VALUE_CHARACTERS = 6000
"""The longest parameter that MLflow takes."""
AT_ONCE = 100
"""The most parameters that MLflow takes at once."""
_DATABASES = ("sqlite:", "postgresql", "mysql", "mssql")
"""Prefixes of the addresses of databases in which MLflow records without a server."""
DAGSTER_RUN = "dagster/run_id"
MLFLOW_RUN = "mlflow/run_id"


def mlflow_address(uri: str) -> str:
    """Where people look at what is recorded at `uri`: `GENPRM_MLFLOW_URL`, or the server that records it, or the
    address of `make ui`."""
    server = uri if uri.startswith("http") else MLFLOW_ADDRESS
    return os.environ.get("GENPRM_MLFLOW_URL", server).rstrip("/")


def dagster_address() -> str:
    """Where people look at Dagster: `GENPRM_DAGSTER_URL`, or the address of `make ui`."""
    return os.environ.get("GENPRM_DAGSTER_URL", DAGSTER_ADDRESS).rstrip("/")


def flattened(values: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested parameters under dotted names, as text; empty ones are left out.

    >>> flattened({"model": "m", "sampling": {"top_p": 1.0}, "system": None})
    {'model': 'm', 'sampling.top_p': '1.0'}
    """
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{prefix}{name}.")
        elif value is not None and value != "":
            found[prefix + name] = str(value)[:VALUE_CHARACTERS]
    return found


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """An open run. `model_id` is the logged model that it evaluates; verifications of `traces` cases per subset are
    logged."""

    client: MlflowClient
    id: str
    experiment: str
    uri: str
    model_id: str | None = None
    traces: int = 0

    @property
    def url(self) -> str:
        """The run's page."""
        return f"{mlflow_address(self.uri)}/#/experiments/{self.experiment}/runs/{self.id}"

    def environment(self) -> dict[str, str]:
        """What a child process needs to log to this run."""
        return {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_RUN_ID": self.id, "MLFLOW_DISABLE_TELEMETRY": "true"}

    def metrics(self, values: Mapping[str, float]) -> None:
        """Log metrics to this run."""
        _log_metrics(self.client, self.id, values)

    def series(self, name: str, values: Sequence[float]) -> None:
        """Log one metric over steps 1, 2, ... to this run."""
        from mlflow.entities import Metric

        now = _now()
        self.client.log_batch(self.id, [Metric(name, value, now, step) for step, value in enumerate(values, 1)])

    def dataset(self, name: str, version: str, path: Path, use: str) -> None:
        """Record a table that this run read; `version` is its content hash, `use` training or evaluation."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = f'{{"uri": "{path}"}}'
        data = Dataset(
            name=name, digest=version[:36], source_type="local", source=source, schema=None, profile=None
        )
        self.client.log_inputs(self.id, [DatasetInput(data, [InputTag("mlflow.data.context", use)])])

    def benchmark(self, data: Benchmark, path: Path) -> None:
        """Record the cases that this run evaluates on, as an evaluation data set and as the run's input."""
        from mlflow.tracing.client import TracingClient

        with _one_at_a_time(mlflow_database().with_suffix(".lock")):
            name = make_data_set(self.client, TracingClient(self.uri), self.experiment, data)
        self.dataset(name, data.version, path, "evaluation")

    def verifications(self, verified: Verified) -> None:
        """Log a sample of verifications as traces."""
        from mlflow.tracing.client import TracingClient

        target = TraceTarget(self.experiment, self.id, self.model_id)
        log_traces(TracingClient(self.uri), target, verified, self.traces)

    def model(self, name: str, path: Path, recipe: str) -> None:
        """Record the checkpoint that this run made, as a logged model that points to its directory."""
        made = self.client.create_logged_model(
            self.experiment,
            # These characters are not allowed in the name of a logged model.
            name="".join("_" if c in "/:.%\"'" else c for c in name),
            source_run_id=self.id,
            params={"recipe": recipe},
            tags={"checkpoint": str(path)},
            model_type="process-reward-model",
        )
        self.client.finalize_logged_model(made.model_id, "READY")


def _now() -> int:
    return int(time.time() * 1000)


def _log_metrics(client: MlflowClient, run_id: str, values: Mapping[str, float]) -> None:
    from mlflow.entities import Metric

    now = _now()
    client.log_batch(run_id, [Metric(name, float(value), now, 0) for name, value in values.items()])


class MlflowTracking:
    """Runs of one experiment, in SQLite under the home unless the profile names a server or a database."""

    def __init__(self, settings: TrackingSettings, profile: str) -> None:
        self._settings = settings
        self._profile = profile
        self._database = mlflow_database()
        self._artifacts = artifacts_folder()
        self._client: MlflowClient | None = None
        self._experiment = ""

    @property
    def uri(self) -> str:
        """Where runs are recorded: a server, or a database."""
        given = self._settings.uri or f"sqlite:///{self._database}"
        return given.replace("postgresql://", f"{postgres.DRIVER}://", 1)

    def client(self) -> MlflowClient:
        """The client, with the experiment made."""
        if self._client is None:
            os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
            with _one_at_a_time(self._database.with_suffix(".lock")):
                self._client, self._experiment = self._connect()
        return self._client

    def runs_page(self) -> str | None:
        """The page of the experiment's runs, highest F1 first; None where there is no experiment yet."""
        if self._settings.uri is None and not self._database.exists():
            return None
        with _one_at_a_time(self._database.with_suffix(".lock")):
            found = self._open().get_experiment_by_name(self._settings.experiment)
        if found is None:
            return None
        order = urlencode({"orderByKey": "metrics.`f1_pass1`", "orderByAsc": "false"})
        return f"{mlflow_address(self.uri)}/#/experiments/{found.experiment_id}/runs?{order}"

    def _open(self) -> MlflowClient:
        import logging

        from mlflow import MlflowClient

        for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking"):
            logging.getLogger(name).setLevel(logging.WARNING)
        return MlflowClient(tracking_uri=self.uri)

    def _connect(self) -> tuple[MlflowClient, str]:
        client = self._open()
        name = self._settings.experiment
        found = client.get_experiment_by_name(name)
        if found is not None:
            return client, str(found.experiment_id)
        # A server has a place for files; with a database alone they would land in the current directory.
        location = self._artifacts.as_uri() if self.uri.startswith(_DATABASES) else None
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return client, str(client.create_experiment(name, artifact_location=location, tags=tags))

    @contextmanager
    def run(
        self,
        context: dg.AssetExecutionContext,
        name: str,
        parameters: Mapping[str, object],
        parent: str | None = None,
    ) -> Iterator[MlflowRun]:
        """A run linked with this Dagster run both ways; it ends FINISHED, or FAILED when the block raises."""
        from mlflow.entities import LoggedModelInput

        client = self.client()
        dagster_run = context.run.run_id
        link = f"{dagster_address()}/runs/{dagster_run}"
        tags = {
            DAGSTER_RUN: dagster_run,
            "dagster/asset": context.asset_key.to_user_string(),
            "dagster/partition": context.partition_key if context.has_partition_key else "",
            "genprm/profile": self._profile,
            "mlflow.note.content": f"Made by [this Dagster run]({link}).",
        }
        if parent is not None:
            tags["mlflow.parentRunId"] = parent
        info = client.create_run(self._experiment, tags=tags, run_name=name).info
        judging = logged_model(client, self._experiment, parent) if parent is not None else None
        model_id = None if judging is None else str(judging.model_id)
        run = MlflowRun(client, info.run_id, self._experiment, self.uri, model_id, self._settings.traces)
        status = "FAILED"
        try:
            context.instance.add_run_tags(dagster_run, {MLFLOW_RUN: run.id})
            _log_parameters(client, run.id, flattened(parameters))
            if model_id is not None:
                client.log_inputs(run.id, models=[LoggedModelInput(model_id)])
            yield run
            status = "FINISHED"
        finally:
            client.set_terminated(run.id, status)

    def metrics(self, run_id: str, values: Mapping[str, float]) -> None:
        """Log metrics to a run that ended before; if that run is lost, a warning says so."""
        if takes_more(self.client(), run_id):
            _log_metrics(self.client(), run_id, values)

    def register(self, contenders: Sequence[Contender], resamples: int) -> str | None:
        """Register trained and measured models; return the champion's key, None where nothing is registered."""
        if not self._settings.registry or not contenders:
            return None
        client = self.client()
        return ModelRegistry(client, self._experiment, self._profile).register(contenders, resamples)

    def open_for(self) -> dict[str, list[str]]:
        """The runs that have not ended, by the Dagster run that each was opened for."""
        if self._settings.uri is None and not self._database.exists():
            return {}
        running = self.client().search_runs([self._experiment], "attributes.status = 'RUNNING'", max_results=1000)
        found: dict[str, list[str]] = {}
        for run in running:
            if DAGSTER_RUN in run.data.tags:
                found.setdefault(run.data.tags[DAGSTER_RUN], []).append(run.info.run_id)
        return found

    def close_orphans(self, dagster_runs: Iterable[str]) -> int:
        """End as KILLED the runs that killed Dagster runs left open; return how many."""
        wanted = set(dagster_runs)
        found = self.open_for() if wanted else {}
        orphans = [run_id for dagster_run in wanted for run_id in found.get(dagster_run, [])]
        for run_id in orphans:
            self.client().set_terminated(run_id, "KILLED")
        return len(orphans)


def _log_parameters(client: MlflowClient, run_id: str, values: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    parameters = [Param(name, value) for name, value in values.items()]
    for start in range(0, len(parameters), AT_ONCE):
        client.log_batch(run_id, params=parameters[start : start + AT_ONCE])


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[Any]:
    """Let one client at a time connect: the first makes the database's tables, and two at once would both try."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
