"""Checkpoints in MLflow's registry, on a real SQLite database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genprm.evaluation.metrics import Judged
from genprm.evaluation.promotion import Contender
from genprm.settings import TrackingSettings
from orchestration.tracking import MlflowRun, MlflowTracking


def judged(right: int) -> list[Judged]:
    """Right about the first `right` of 40 cases, every other one of which has an error."""
    labels = [0 if index % 2 else -1 for index in range(40)]
    return [Judged(str(n), "gsm8k", label, (label if n < right else 1,)) for n, label in enumerate(labels)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[None]:
    """One database for all tests of this module: making its tables takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENPRM_HOME", str(folder))
        MlflowTracking(TrackingSettings(), "any").client()
        yield


class Trained:
    """A profile whose models are trained and measured."""

    def __init__(self, folder: Path, profile: str) -> None:
        self.profile = profile
        self._folder = folder
        self.use("genprm")

    def use(self, experiment: str) -> None:
        """Track in an experiment."""
        settings = TrackingSettings(uri=f"sqlite:///{self._folder / 'mlflow.db'}", experiment=experiment)
        self.tracking = MlflowTracking(settings, self.profile)
        self.client = self.tracking.client()
        self._experiment = self.client.get_experiment_by_name(experiment).experiment_id

    def contender(self, model: str, weights: str, right: int) -> Contender:
        """A checkpoint as it is when it was trained and judged."""
        info = self.client.create_run(self._experiment).info
        run = MlflowRun(self.client, info.run_id, self._experiment, self.tracking.uri)
        run.model(model, self._folder / weights, "recipe")
        return Contender(model, weights, run.id, judged(right))

    def register(self, *contenders: Contender) -> str | None:
        return self.tracking.register(contenders, 200)

    def version(self, alias: str) -> Any:
        return self.client.get_model_version_by_alias(self.profile, alias)


@pytest.fixture
def trained(request: pytest.FixtureRequest, database: None, folder: Path, monkeypatch: Any) -> Trained:
    monkeypatch.setenv("GENPRM_HOME", str(folder))
    return Trained(folder, request.node.name.replace("_", "-"))


def test_every_checkpoint_is_a_version_and_the_best_is_the_champion(trained: Trained) -> None:
    models = [trained.contender("m.main.full", "w1", 30), trained.contender("m.main.cot", "w2", 20)]
    assert trained.register(*models) == "m.main.full"
    champion = trained.version("champion")
    assert champion.version == trained.version("m_main_full").version
    assert champion.tags["checkpoint"].endswith("w1")
    assert champion.run_id == models[0].run_id
    assert trained.version("m_main_cot").tags["genprm/fingerprint"] == "w2"

    assert trained.register(*models) == "m.main.full"
    assert len(trained.client.search_model_versions(f"name = '{trained.profile}'")) == 2


def test_the_champion_stays_until_it_is_beaten_beyond_chance(trained: Trained) -> None:
    """Its cases are kept with its run, so that it is compared pair by pair after its model was trained again."""
    trained.register(trained.contender("m.main.full", "w1", 30))
    trained.register(trained.contender("m.main.full", "w2", 31))
    assert trained.version("champion").tags["genprm/fingerprint"] == "w1"
    assert trained.version("m_main_full").tags["genprm/fingerprint"] == "w2"
    trained.register(trained.contender("m.main.full", "w3", 40))
    assert trained.version("champion").tags["genprm/fingerprint"] == "w3"


def test_checkpoints_whose_runs_are_lost_fail_nothing(trained: Trained, caplog: pytest.LogCaptureFixture) -> None:
    models = [trained.contender("m.main.full", "w1", 30), trained.contender("m.main.cot", "w2", 20)]
    assert trained.register(*models) == "m.main.full"
    for one in models:
        trained.client.delete_run(one.run_id)
    assert trained.register(*models) == "m.main.full"
    unknown = [replace(one, run_id=one.run_id[::-1], version=f"{one.version}b") for one in models]
    assert trained.register(*unknown) == "m.main.full", "it has no logged model, and the champion stays"
    assert f"MLflow run {models[0].run_id} was deleted in MLflow" in caplog.text


def test_files_that_a_moved_home_left_behind_are_a_warning(
    trained: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "moved").write_text("")
    place = (tmp_path / "moved" / "mlartifacts").as_uri()
    trained.client.create_experiment("of a moved home", artifact_location=place)
    trained.use("of a moved home")
    model = trained.contender("m.main.full", "w1", 30)
    assert trained.register(model) == "m.main.full"
    assert f"MLflow run {model.run_id} has its files out of reach, judged.json is not kept" in caplog.text
    again = trained.contender("m.main.full", "w2", 40)
    assert trained.register(again) == "m.main.full"
    assert trained.version("champion").tags["genprm/fingerprint"] == "w1", "nobody can be compared with it"


def test_nothing_is_registered_where_the_profile_says_so(trained: Trained) -> None:
    quiet = MlflowTracking(TrackingSettings(uri=trained.tracking.uri, registry=False), trained.profile)
    assert quiet.register([trained.contender("m.main.full", "w1", 30)], 200) is None
    assert trained.client.search_registered_models(f"name = '{trained.profile}'") == []
