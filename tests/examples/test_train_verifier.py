"""The example of reinforcement, as its command runs it: one update, few solutions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_verifier.py"


@pytest.mark.slow
def test_settings_that_cannot_be_trained_with_are_refused_before_anything_is_judged(tmp_path: Path) -> None:
    """Judging would fail otherwise: there is no such model."""
    how = ["--model", str(tmp_path / "none"), "--per-batch", "3", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, str(EXAMPLE), *how], check=False, capture_output=True, text=True)
    assert "rl.solutions 16 x rl.group 8 = 128 verifications, allowed: a multiple of" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_trains_and_says_what_changed(tmp_path: Path) -> None:
    how = ["--labels", "program", "--reward", "steps", "--credit", "step"]
    small = ["--updates", "1", "--per-batch", "1", "--problems", "60", "--held-out", "4", "--votes", "1"]
    command = [sys.executable, str(EXAMPLE), *how, *small, "--out", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (seed,) = report["seeds"]
    assert (tmp_path / "0" / "model.safetensors").is_file()
    assert seed["first"]["code_blocks"] > 1, "code is run between the segments"
    assert seed["first"]["code_runs"] > 0.9
    low, high = seed["change"]["f1"]["ci95"]
    assert low <= report["change"]["f1"]["points"] <= high
    gained = seed["after"]["f1"] - report["before"]["f1"]
    assert gained == pytest.approx(report["change"]["f1"]["points"])
