"""Label estimators by name, those that other packages add among them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genprm.labels.estimators import RATIO, LabelEstimator
from genprm.labels.progress import label_steps
from genprm.profiles import load_profile
from genprm.records import StepScores
from genprm.registry import ESTIMATORS
from genprm.results.claims import label_setting
from genprm.settings import LabelVariant, SettingsError
from tests.genprm.installed_package import install

SURVIVORS = '''
from genprm.labels.estimators import LabelEstimator


class Survivors(LabelEstimator):
    """Rollouts that reached the answer; three of them make a step right."""

    name = "survivors"
    default_epsilon = 3.0
    reads_rollouts = True

    def progress(self, scores):
        return [float(round(mc * drawn)) for mc, drawn in zip(scores.mc, scores.rollouts)]


SURVIVORS = Survivors()
'''
SCORES = StepScores("s", "p", 0.5, [0.5, 0.25, 0.125], [8, 8, 32], 0)


@pytest.fixture
def survivors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    install(folder, monkeypatch, "survivors", SURVIVORS, {"genprm.label_estimators:survivors": "SURVIVORS"})
    return folder


def test_every_estimator_is_called_by_its_own_name() -> None:
    assert ESTIMATORS.names() == ["ratio", "difference", "hard", "changepoint"]
    for name in ESTIMATORS.names():
        estimator = ESTIMATORS.get(name)
        assert isinstance(estimator, LabelEstimator)
        assert estimator.name == name


@pytest.mark.parametrize(
    ("estimator", "epsilon", "setting", "rule"),
    [
        ("ratio", 0.8, ("ratio", 0.8), "ratio >= 0.8"),
        ("difference", -0.3, ("difference", -0.3), "difference >= -0.3"),
        ("hard", 0.8, ("hard", 0.0), "MC > 0"),
        ("changepoint", 0.5, ("changepoint", 0.5), "changepoint >= 0.5"),
    ],
)
def test_settings_as_the_paper_s_table_names_them(
    estimator: str, epsilon: float, setting: tuple[str, float], rule: str
) -> None:
    assert label_setting(LabelVariant(estimator=estimator, epsilon=epsilon)) == setting
    assert ESTIMATORS.get(estimator).rule(epsilon) == rule


@pytest.mark.parametrize(
    ("given", "dumped"),
    [
        ({}, {"estimator": "ratio", "epsilon": 0.8}),
        ({"estimator": "hard"}, {"estimator": "hard", "epsilon": 0.8}),
        ({"estimator": "difference", "epsilon": -0.1}, {"estimator": "difference", "epsilon": -0.1}),
        ({"estimator": "changepoint"}, {"estimator": "changepoint", "epsilon": 0.5}),
    ],
)
def test_what_fingerprints_are_made_of_stays_as_it_was(given: dict[str, object], dumped: dict[str, object]) -> None:
    assert json.dumps(LabelVariant.model_validate(given).model_dump(mode="json")) == json.dumps(dumped)


@pytest.mark.usefixtures("survivors")
def test_an_estimator_of_another_package_labels_by_the_settings() -> None:
    profile = load_profile(None, ["labels.variants.alive={estimator: survivors}", "labels.estimator=survivors"])
    assert profile.labels.variant("alive") == LabelVariant(estimator="survivors", epsilon=3.0)
    labels = label_steps(SCORES, profile.labels.variant("main"))
    assert (labels.estimator, labels.progress, labels.labels) == ("survivors", [4.0, 2.0, 4.0], [1, 0, 1])


def test_an_estimator_of_another_package_labels_on_the_command_line(survivors: Path) -> None:
    root = Path(__file__).parents[3]
    line = json.dumps({"id": "s", "pass_at_1": 0.5, "mc": SCORES.mc, "rollouts": SCORES.rollouts})
    run = subprocess.run(
        [sys.executable, "-m", "genprm.cli", "label", "-", "--estimator", "survivors", "--json"],
        input=line,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{survivors}"},
    )
    assert json.loads(run.stdout) == {"id": "s", "progress": [4.0, 2.0, 4.0], "labels": [1, 0, 1]}


def test_an_estimator_that_nobody_provides_is_refused_by_name() -> None:
    with pytest.raises(
        SettingsError, match=r"labels\.estimator: estimator is 'survivors', allowed: ratio, difference"
    ):
        load_profile(None, ["labels.estimator=survivors"])


def test_a_share_next_to_nothing_makes_no_infinite_progress() -> None:
    (first, second) = RATIO.progress(StepScores("s", "p", 5e-324, [0.5, 0.25], [8, 8], 0))
    assert (math.isfinite(first), second) == (True, 0.5)
