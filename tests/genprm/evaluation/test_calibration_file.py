"""A calibration is read as it was written, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genprm.data_sets.rows import InputError
from genprm.evaluation.calibration_file import calibration_beside, calibration_json, read_calibration
from genprm.evaluation.calibrators import IsotonicCalibration, TemperatureScaling


@pytest.mark.parametrize(
    "fitted", [TemperatureScaling(1 / 3), IsotonicCalibration((0.0, 0.1 + 0.2, 1.0), (0.2, 0.2, 0.9))]
)
def test_every_digit_is_read_back(fitted: TemperatureScaling | IsotonicCalibration, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(calibration_json(fitted))
    found = calibration_beside(str(tmp_path))
    assert found is not None
    assert read_calibration(found) == fitted


def test_an_isotonic_map_is_a_straight_line_between_its_points_and_flat_outside(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_text('{"map": "isotonic", "rewards": [0.2, 0.6], "calibrated": [0.5, 0.7]}')
    assert read_calibration(file)(np.array([0.0, 0.2, 0.4, 0.6, 1.0])) == pytest.approx([0.5, 0.5, 0.6, 0.7, 0.7])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no", "file: Invalid JSON"),
        ('{"map": "linear"}', "'isotonic'"),
        ('{"map": "temperature", "temperature": 0}', "temperature.temperature: Input should be greater than 0"),
        ('{"map": "isotonic", "rewards": [0.1], "calibrated": [2]}', "isotonic.calibrated.0"),
        ('{"map": "isotonic", "rewards": [0.3, 0.1], "calibrated": [0, 1]}', "must never fall"),
        ('{"map": "isotonic", "rewards": [0.1], "calibrated": [0, 1]}', "1 rewards have 2 calibrated ones"),
    ],
)
def test_what_is_no_calibration_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"^calibration .*map\.json: ") as raised:
        read_calibration(file)
    assert said in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: No such file"):
        read_calibration(tmp_path / "none.json")
    assert calibration_beside("miniature/rationale") is None
