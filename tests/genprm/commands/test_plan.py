"""`genprm plan --hardware`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from genprm.cli import app


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path))


def test_every_artifact_has_a_place_and_the_sum_is_told_in_days() -> None:
    result = CliRunner().invoke(app, ["plan", "--profile", "paper-7b", "--hardware", "8xH100-80GB", "--json"])
    assert result.exit_code == 0, result.output
    *rows, total = json.loads(result.stdout)["rows"]
    artifacts = list(dict.fromkeys(row["artifact"] for row in rows))
    assert artifacts == ["solutions", "mc_scores", "rationales", "checkpoints", "processbench"]
    assert all(row["fits"] == "yes" for row in rows)
    assert total["hours"] == pytest.approx(sum(row["hours"] for row in rows))
    assert total["days"] == pytest.approx(total["hours"] / 24)


def test_what_does_not_fit_is_status_2_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["plan", "--profile", "paper-7b", "--hardware", "1xH100-80GB"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("genprm: checkpoints: deepseek-ai/DeepSeek-R1-Distill-Qwen-7B needs ")
    assert line.endswith("would fit: --set training.lora.rank=32, or 2xH100-80GB")


def test_an_adapter_fits_where_all_weights_do_not() -> None:
    result = CliRunner().invoke(app, ["plan", "--profile", "paper-7b-lora", "--hardware", "1xH100-80GB"])
    assert result.exit_code == 0, result.output


def test_unknown_hardware_is_refused_before_anything_is_planned(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["plan", "--hardware", "8xTPU-16GB"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(
        "genprm: hardware is '8xTPU-16GB': no TPU-16GB is known, allowed: H100"
    )
