"""A fitted calibration as a JSON file: beside the weights of a checkpoint, or on its own."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from genprm.data_sets.rows import InputError
from genprm.evaluation.calibrators import Fitted

CALIBRATION_FILE = "calibration.json"

_FILE: TypeAdapter[Fitted] = TypeAdapter(Annotated[Fitted, Field(discriminator="map")])


def calibration_json(calibrator: Fitted) -> str:
    """The content of a file for `read_calibration`.

    >>> from genprm.evaluation.calibrators import TemperatureScaling
    >>> calibration_json(TemperatureScaling(2.0))
    '{"map": "temperature", "temperature": 2.0}'
    """
    return json.dumps(dataclasses.asdict(calibrator))


def read_calibration(path: Path) -> Fitted:
    """The map that a file holds.

    Raises:
        InputError: the file cannot be read, or its content is not a map of rewards that never falls.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"calibration {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"calibration {path}: {where}: {first['msg']}") from None


def calibration_beside(model: str) -> Path | None:
    """The calibration in the directory of a checkpoint; None where there is none, or `model` is no directory."""
    path = Path(model) / CALIBRATION_FILE
    return path if path.is_file() else None
