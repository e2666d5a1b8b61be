"""The real pipeline, small: models sample, code runs, TRL trains, all in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genprm.store import profile_store

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


COMPANIES = [{"runner.workers": "2"}, {"runner.workers": "1", "engine.max_batch": "5"}]
"""Settings that decide which rows are computed together, and nothing else."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_partition_that_was_made_in_other_company_has_the_same_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers side by side in batches as they come, and one worker with few rows at a time."""
    versions = []
    for number, company in enumerate(COMPANIES):
        home = tmp_path / str(number)
        run(home, *SAMPLED, **{"problems.limit": "2", **company})
        monkeypatch.setenv("GENPRM_HOME", str(home))
        store = profile_store("miniature")
        versions.append([store.version(name, f"{part}-of-2") for name in SAMPLED[1:] for part in (0, 1)])

    assert versions[0] == versions[1]
    assert all(versions[0])
