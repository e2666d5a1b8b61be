"""A fitted calibration as a JSON file: beside the weights of a checkpoint, or on its own."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from genprm.data_sets.rows import InputError
from genprm.evaluation.calibrators import IsotonicCalibration, TemperatureScaling

CALIBRATION_FILE = "calibration.json"

Fitted: TypeAlias = TemperatureScaling | IsotonicCalibration


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if np.any(np.diff(values) < 0):
        raise ValueError("must never fall")
    return values


_Rewards = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1), AfterValidator(_rising)]


class _TemperatureFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    map: Literal["temperature"]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def fitted(self) -> Fitted:
        return TemperatureScaling(self.temperature)


class _IsotonicFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    map: Literal["isotonic"]
    rewards: _Rewards
    calibrated: _Rewards

    @model_validator(mode="after")
    def _paired(self) -> _IsotonicFile:
        if len(self.rewards) != len(self.calibrated):
            raise ValueError(f"{len(self.rewards)} rewards have {len(self.calibrated)} calibrated ones")
        return self

    def fitted(self) -> Fitted:
        return IsotonicCalibration(self.rewards, self.calibrated)


_FILE: TypeAdapter[_TemperatureFile | _IsotonicFile] = TypeAdapter(
    Annotated[_TemperatureFile | _IsotonicFile, Field(discriminator="map")]
)


def calibration_json(calibrator: Fitted) -> str:
    """The content of a file for `read_calibration`.

    >>> calibration_json(TemperatureScaling(2.0))
    '{"map": "temperature", "temperature": 2.0}'
    """
    name = "temperature" if isinstance(calibrator, TemperatureScaling) else "isotonic"
    return json.dumps({"map": name, **dataclasses.asdict(calibrator)})


def read_calibration(path: Path) -> Fitted:
    """The map that a file holds.

    Raises:
        InputError: the file cannot be read, or its content is not a map of rewards that never falls.
    """
    try:
        return _FILE.validate_json(path.read_bytes()).fitted()
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
