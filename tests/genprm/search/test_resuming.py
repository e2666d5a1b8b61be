"""A search that is killed and started again with its journal gives the bytes of one that nobody disturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from genprm.cli import app
from genprm.miniature.world.generation import generate_problems
from genprm.prm import GenPRM
from genprm.search.solving import SearchPlan, solve
from genprm.settings import SearchSettings

PROBLEMS = [problem.text for problem in generate_problems("evaluation", 2, 0)]
SETTINGS = SearchSettings(width=2, children=2)


def keys(journal: Path) -> list[str]:
    return [json.loads(line)["key"] for line in journal.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["beam", "particles"])
def test_wherever_the_journal_ends_the_search_ends_alike(method: str, tmp_path: Path) -> None:
    """A kill leaves the beginning of an undisturbed journal, up to any byte: four of them, on the real engine."""
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    with GenPRM.load("miniature/rationale") as prm:

        def searched(journal: Path | None) -> str:
            plan = SearchPlan(method=method, budget=600, settings=SETTINGS, journal=journal)
            return repr(solve(PROBLEMS, prm, plan))

        undisturbed = searched(whole)
        assert searched(None) == undisturbed
        content, draw = whole.read_bytes(), random.Random(method)
        for _ in range(4):
            torn.write_bytes(content[: draw.randrange(len(content))])
            assert searched(torn) == undisturbed
        # Nothing is asked for twice: the same steps are there, in some order (blocks took other times).
        assert sorted(keys(torn)) == sorted(keys(whole))


@pytest.mark.slow
def test_killed_solving_goes_on(tmp_path: Path) -> None:
    problems, journal = tmp_path / "problems.jsonl", tmp_path / "steps.jsonl"
    problems.write_text("".join(json.dumps({"problem": problem}) + "\n" for problem in PROBLEMS))
    arguments = ["solve", str(problems), "--budget", "1000", "--mode", "cot", "--json"]
    undisturbed = CliRunner().invoke(app, arguments)
    assert undisturbed.exit_code == 0, undisturbed.stderr
    continued = [sys.executable, "-m", "genprm.cli", *arguments, "--journal", str(journal)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for size in (1, 4_000):
        process = subprocess.Popen(continued, env=environment, stdout=subprocess.PIPE)
        while (not journal.exists() or journal.stat().st_size < size) and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.communicate() == (b"", None)
        assert process.returncode == -signal.SIGKILL
    kept = journal.read_bytes()
    last = subprocess.run(continued, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    assert last.stdout == undisturbed.stdout
    assert journal.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
