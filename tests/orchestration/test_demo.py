"""The real pipeline, small: models sample, code runs, TRL trains, all in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = {
    "problems.limit": "16",
    "training.epochs": "1",
    "training.modes": "[full, direct]",
    "evaluation.limit": "8",
    "evaluation.votes": "2",
    "evaluation.bootstrap": "200",
}


SAMPLED = ("problems", "solutions", "mc_scores", "rationales")
LABELLED = ("rpe_labels", "filtered_set")


def run(home: Path, *selected: str, **changes: str) -> str:
    """What `genprm run` prints with a home of its own."""
    program = Path(sys.executable).with_name("genprm")
    settings = [f"--set={key}={value}" for key, value in {**SMALL, **changes}.items()]
    settings += [f"--select={name}" for name in selected]
    environment = {**os.environ, "GENPRM_HOME": str(home), "GENPRM_SET": "", "GENPRM_PROFILE": "miniature"}
    done = subprocess.run([program, "run", *settings], env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_makes_everything_once_and_a_changed_epsilon_samples_nothing(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert " made, 0 fresh, 0 failed" in first
    for row in ("accuracy", "exact first error", "miniature.main.full", "full - untrained", "full - direct"):
        assert row in first
    assert (tmp_path / "miniature" / "report" / "index.html").stat().st_size > 10_000

    assert "0 made, " in run(tmp_path)

    again = run(tmp_path, *SAMPLED, *LABELLED, **{"labels.epsilon": "0.5"})
    made = [line for line in again.splitlines() if line.startswith("[")]
    assert all(any(name in line for line in made) for name in LABELLED)
    assert not any(name in line for line in made for name in SAMPLED)
