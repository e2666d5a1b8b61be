"""What processes on other machines are told of this one's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.home import handed_on, prepare


def test_what_is_the_same_everywhere_is_handed_on_and_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GENPRM_DEVICES", "CUDA_VISIBLE_DEVICES", "AWS_SECRET_ACCESS_KEY", "HF_HOME", "GENPRM_DATA_DIR"):
        monkeypatch.setenv(name, "0")
    prepare()
    told = handed_on()
    assert told["GENPRM_HOME"] == str(home)
    assert told["DAGSTER_HOME"] == str(home / "dagster")
    assert {"HF_HOME", "GENPRM_DATA_DIR", "OMP_NUM_THREADS"} <= told.keys()
    assert told.keys().isdisjoint({"GENPRM_DEVICES", "CUDA_VISIBLE_DEVICES", "AWS_SECRET_ACCESS_KEY"})
