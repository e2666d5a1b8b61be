"""The wheel in an empty environment, with what it requires and nothing else."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from genprm.miniature.world.generation import draw_problem
from genprm.miniature.world.solutions import right_steps

ROOT = Path(__file__).parents[2]
UV = [sys.executable, "-m", "uv"]

pytestmark = pytest.mark.slow


def uv(*arguments: str | Path) -> None:
    """A call of uv that takes packages from its cache and from `PIP_FIND_LINKS`; skips where they are not there."""
    environment = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""), **os.environ}
    command = [*UV, *map(str, arguments), "--offline", "--quiet"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        pytest.skip(f"uv cannot do it without a network: {' '.join(done.stderr.split())[:300]}")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of the environment are."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", folder)
    uv("venv", "--python", sys.executable, folder / "venv")
    scripts = folder / "venv" / "bin"
    (wheel,) = folder.glob("*.whl")
    uv("pip", "install", "--python", scripts / "python", "--constraint", ROOT / "constraints.txt", wheel)
    return scripts


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is not the project's, with no path of imports that leads there."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(program: Path, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_reads_predictions_scores_and_answers(scripts: Path, elsewhere: Path) -> None:
    rows = [{"id": "a", "label": 1, "prediction": 1}, {"id": "b", "label": -1, "prediction": -1}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert json.loads(call(scripts / "genprm", "score", "-", "--json", stdin=lines))["mean_f1"] == 100.0

    scores = json.dumps({"id": "s", "pass_at_1": 0.5, "mc": [0.5, 0.25, 0.0]})
    assert json.loads(call(scripts / "genprm", "label", "-", "--json", stdin=scores))["labels"] == [1, 0, 0]

    assert call(scripts / "genprm", "answers", "1/2", "0.5").startswith("equal")


JUDGING = """
from importlib.util import find_spec

assert not [name for name in ("dagster", "mlflow", "trl", "matplotlib") if find_spec(name)]

from genprm import GenPRM
from genprm.cli import app

with GenPRM.load("miniature/rationale", mode="direct") as prm:
    assert prm.score("What is 1 + 1?", ["2"]).unjudged == []
app(["judge", "-", "--json"])
"""


def test_the_library_and_the_command_judge_with_the_shipped_model(scripts: Path, elsewhere: Path) -> None:
    problem = draw_problem(random.Random(0), steps=2)
    solution = json.dumps({"problem": problem.text, "steps": right_steps(problem)})
    judged = json.loads(call(scripts / "python", "-c", JUDGING, stdin=solution))
    assert judged["first_error"] == -1
    assert all(step["executions"] == ["ok"] for step in judged["rationale"])


@pytest.mark.parametrize(("command", "extra"), [("run", "pipeline"), ("serve", "serve")])
def test_a_command_without_its_packages_names_the_extra(
    scripts: Path, elsewhere: Path, command: str, extra: str
) -> None:
    done = subprocess.run([scripts / "genprm", command], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f'genprm: {command} needs the extra "{extra}": pip install "genprm[{extra}]"\n'
    assert "Usage: genprm" in call(scripts / "genprm", "--help")
