"""Records in Postgres: what does not fit is refused, and a killed run goes on from wherever it is started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from genprm.settings import SettingsError, TrackingSettings
from genprm.store import profile_store
from orchestration import lock, postgres
from orchestration.home import artifacts_folder, prepare
from orchestration.lock import AnotherRun, run_in_progress, run_lock
from orchestration.tracking import MlflowTracking
from tests.orchestration.postgres_server import Server, postgres_server

ROOT = Path(__file__).parents[2]
SELECTED = ("problems", "evaluation_set", "checkpoints", "processbench")
SMALL = {
    "problems.limit": "4",
    "training.modes": "[]",
    "evaluation.subsets": "[short]",
    "evaluation.limit": "4",
    "evaluation.votes": "2",
    "evaluation.other_votes": "2",
    "runner.workers": "1",
}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is named but by the test."""
    for name in (postgres.HOST, postgres.PORT, postgres.USER, postgres.PASSWORD, postgres.DATABASE):
        monkeypatch.setenv(name, "")  # so that what is filled in does not outlive the test
        monkeypatch.delenv(name)


def test_without_a_server_nothing_is_said_of_one(home: Path) -> None:
    prepare()
    assert "storage" not in yaml.safe_load((home / "dagster" / "dagster.yaml").read_text())
    assert not postgres.chosen()


def test_a_home_that_was_made_without_the_server_is_named_with_its_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare()
    monkeypatch.setenv(postgres.HOST, "db")
    with pytest.raises(
        SettingsError, match=rf"^{postgres.HOST} is 'db', but {home}/dagster/dagster.yaml .*unset it"
    ):
        prepare()


def test_a_variable_that_the_file_reads_and_nobody_set_is_named(home: Path) -> None:
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text(postgres.STORAGE)
    with pytest.raises(SettingsError, match=rf"^{postgres.HOST} is not set, and {home}/dagster/dagster.yaml reads"):
        prepare()


def test_a_server_that_does_not_answer_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_postgres")
    monkeypatch.setenv(postgres.HOST, "127.0.0.1")
    monkeypatch.setenv(postgres.PORT, "1")
    with pytest.raises(SettingsError, match=r"^Postgres at genprm@127.0.0.1:1/dagster .*onnection refused"):
        prepare()


def test_a_database_of_tracked_runs_is_asked_by_the_driver_that_is_installed() -> None:
    tracking = MlflowTracking(TrackingSettings(uri="postgresql://genprm@db/mlflow"), "fake")
    assert tracking.uri == "postgresql+psycopg2://genprm@db/mlflow"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A Postgres with a database for each of the two."""
    with postgres_server("dagster", "mlflow") as server:
        yield server


def started(server: Server, home: Path, folder: Path) -> subprocess.Popen[str]:
    """`genprm run` in a directory."""
    folder.mkdir()
    values = {**SMALL, "tracking.uri": server.uri("mlflow")}
    options = [f"--set={key}={value}" for key, value in values.items()]
    options += [f"--select={name}" for name in SELECTED]
    environment = {**os.environ, **server.environment, "GENPRM_HOME": str(home), "PYTHONPATH": str(ROOT)}
    program = Path(sys.executable).with_name("genprm")
    return subprocess.Popen(
        [program, "run", *options],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def first_rows(run: subprocess.Popen[str], journals: Path) -> tuple[Path, bytes]:
    """The journal of the partition in hand and what it holds, once it holds something."""
    while run.poll() is None:
        for path in journals.rglob("*.jsonl"):
            if found := path.read_bytes():
                return path, found
        time.sleep(0.02)
    pytest.fail(f"the run ended: {run.communicate()[0]}")


@pytest.mark.slow
def test_who_looks_shares_the_records_with_others_who_do(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.0)
    prepare()
    with postgres.to_ourselves(shared=True) as looks:
        assert looks
        assert not run_in_progress()
        with pytest.raises(AnotherRun, match="on the records in"), run_lock():
            pass
    with postgres.to_ourselves(shared=False) as runs:
        assert runs
        assert run_in_progress()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_killed_run_is_continued_from_another_directory(
    server: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.0)  # the run goes on while another one tries
    killed = started(server, home, tmp_path / "one")
    journal, rows = first_rows(killed, home / "miniature" / "journal" / "processbench")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path / "elsewhere"))
    prepare()
    with pytest.raises(AnotherRun, match=f"on the records in genprm@127.0.0.1:{server.port}/dagster"), run_lock():
        pass
    killed.kill()
    killed.wait()

    monkeypatch.setenv("GENPRM_HOME", str(home))
    prepare()
    again = started(server, home, tmp_path / "two")
    said, _ = again.communicate()
    assert again.returncode == 0, said
    assert "2 made, 4 fresh, 0 failed" in said, said
    assert journal.read_bytes().startswith(rows.rpartition(b"\n")[0]), "finished rows were kept"

    with dg.DagsterInstance.get() as instance:
        ended = Counter(run.status.value for run in instance.get_runs())
    assert ended["CANCELED"] == 1
    assert set(ended) == {"SUCCESS", "CANCELED"}
    tracking = MlflowTracking(TrackingSettings(uri=server.uri("mlflow")), "miniature")
    (experiment,) = tracking.client().search_experiments(filter_string="name = 'genprm'")
    assert experiment.artifact_location == artifacts_folder().as_uri()
    tracked = tracking.client().search_runs([experiment.experiment_id])
    assert Counter(run.info.status for run in tracked)["KILLED"] == 1
    assert {run.info.status for run in tracked} == {"FINISHED", "KILLED"}

    assert [path for path in home.rglob("*.db*") if path.is_file()] == [], "nothing is in SQLite"
    assert [*(tmp_path / "one").iterdir(), *(tmp_path / "two").iterdir()] == []
    predictions = profile_store("miniature").path("processbench", "rationale|short")
    assert predictions.is_file()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_killed_run_is_continued_by_a_machine_with_the_same_records_and_bucket_and_no_files(
    bucket: str, tmp_path: Path
) -> None:
    with postgres_server("dagster", "mlflow") as server:
        killed = started(server, tmp_path / "home-one", tmp_path / "one")
        first_rows(killed, tmp_path / "home-one" / "miniature" / "journal" / "processbench")
        killed.kill()
        killed.wait()

        again = started(server, tmp_path / "home-two", tmp_path / "two")
        said, _ = again.communicate()
    assert again.returncode == 0, said
    assert "2 made, 4 fresh, 0 failed" in said, said
    made = tmp_path / "home-two" / "miniature" / "tables"
    assert len(list((made / "processbench").rglob("*.parquet"))) == 2
