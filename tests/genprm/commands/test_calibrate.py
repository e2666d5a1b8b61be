"""`genprm calibrate` on predictions as `genprm evaluate` writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from genprm.cli import app

ROWS = [
    {"id": "a", "label": -1, "rewards": [0.75, 0.75]},
    {"id": "b", "label": 1, "rewards": [0.75, 0.75, 0.1]},
    {"id": "c", "label": 0, "rewards": [0.25]},
    {"id": "d", "label": 0, "rewards": [0.25, 0.75]},
]
"""Four steps of 0.75, three of them right, and two of 0.25, both wrong; steps behind a wrong one do not count."""


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_errors_and_curve_as_json() -> None:
    result = CliRunner().invoke(app, ["calibrate", "-", "--json", "--bins", "3"], input=lines(ROWS))
    report = json.loads(result.stdout)

    assert report["reliability_curve"] == [
        {"steps": 2, "mean_reward": 0.25, "share_right": 0.0},
        {"steps": 4, "mean_reward": 0.75, "share_right": 0.75},
    ]
    assert list(report["calibration_error"]) == ["as they are", "temperature", "isotonic"]
    assert report["calibration_error"]["as they are"]["width"] == pytest.approx(100 * (2 * 0.25 + 4 * 0) / 6)


def test_the_same_as_tables() -> None:
    result = CliRunner().invoke(app, ["calibrate", "-", "--bins", "3"], input=lines(ROWS))
    assert "75.0" in result.stdout
    assert "isotonic" in result.stdout


def test_the_map_is_saved_for_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    result = CliRunner().invoke(app, ["calibrate", "-", "--save", str(file)], input=lines(ROWS))
    assert result.exit_code == 0
    assert json.loads(file.read_text()) == {"map": "isotonic", "rewards": [0.25, 0.75], "calibrated": [0.0, 0.75]}


def test_an_unknown_map_is_named() -> None:
    result = CliRunner().invoke(app, ["calibrate", "-", "--map", "linear"], input=lines(ROWS))
    assert result.exit_code == 2
    assert "--map is 'linear', allowed: temperature, isotonic" in result.stderr


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:1], "-: calibration needs two solutions or more, some to fit and others to measure"),
        (ROWS[:2], "-: rewards are calibrated on right and wrong steps; there is no wrong one"),
        ([{"label": -1}], "standard input line 1: field 'rewards' is missing"),
        (
            [{"label": 0, "rewards": [2]}],
            "standard input line 1: field 'rewards[0]' is 2, allowed: a number from 0 to 1",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(rows: list[dict[str, object]], message: str) -> None:
    result = CliRunner().invoke(app, ["calibrate", "-"], input=lines(rows))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"genprm: {message}")
