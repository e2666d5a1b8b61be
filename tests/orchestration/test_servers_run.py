"""The real pipeline, small, with every model on servers, of which one is killed: what the embedded engine makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.genprm.engines.model_server import ModelServers, model_servers

ROOT = Path(__file__).parents[2]
HERE = [sys.executable, str(Path(__file__).with_name("told_run.py"))]
GENPRM = [str(Path(sys.executable).with_name("genprm"))]
POLICY, TRAINED = "miniature/policy", "miniature.main.full"
SMALL = {
    "problems.limit": "4",
    "problems.shards": "1",
    "monte_carlo.tiers": "[]",
    "monte_carlo.rollouts_otherwise": "4",
    "labels.variants": "{}",
    "training.epochs": "1",
    "training.modes": "[full]",
    "evaluation.subsets": "[short]",
    "evaluation.limit": "2",
    "evaluation.votes": "2",
    "evaluation.bootstrap": "200",
    "engine.attempts": "3",
    "runner.workers": "1",
}


class Run:
    """`genprm run` in a home of its own."""

    def __init__(self, program: list[str], home: Path, **changes: str) -> None:
        settings = [f"--set={key}={value}" for key, value in {**SMALL, **changes}.items()]
        environment = {**os.environ, "GENPRM_HOME": str(home), "GENPRM_SET": "", "GENPRM_PROFILE": "miniature"}
        environment["PYTHONPATH"] = str(ROOT)
        self._process = subprocess.Popen(
            [*program, "run", *settings],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> tuple[int, str]:
        """Its exit status and what it printed."""
        said, _ = self._process.communicate()
        return self._process.returncode, said


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a run on the embedded engine."""
    home = tmp_path_factory.mktemp("alone")
    status, said = Run(HERE, home).wait()
    assert status == 0, said
    return home


@pytest.fixture
def servers(alone: Path) -> Iterator[ModelServers]:
    """Every model that the run asks, the one that it trains among them: what it is, is known from the other run."""
    (trained,) = (alone / "miniature" / "checkpoints" / TRAINED).glob("*/config.json")
    shipped = {name: name for name in ("miniature/policy", "miniature/rationale", "miniature/base")}
    with model_servers({**shipped, TRAINED: str(trained.parent)}) as found:
        yield found


def tables(home: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table by its place, but for the engine that they were read from."""
    root = home / "miniature" / "tables"
    found = [path for path in sorted(root.rglob("*.parquet")) if path.stem != "judged_from"]
    return {str(path.relative_to(root)): _unsigned(pq.read_table(path).to_pylist()) for path in found}


def _unsigned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unsigned(inner) for name, inner in value.items() if name != "provenance"}
    return [_unsigned(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_on_servers_makes_what_the_embedded_engine_makes_though_one_dies(
    alone: Path, servers: ModelServers, tmp_path: Path
) -> None:
    # Trained before from the same conversations, so it is taken from disk.
    shutil.copytree(alone / "miniature" / "checkpoints", tmp_path / "miniature" / "checkpoints")
    addresses = {f"engine.servers.{name}": url for name, url in servers.urls.items()}
    with model_servers({POLICY: POLICY}) as second:
        addresses[f"engine.servers.{POLICY}"] = f"[{servers.urls[POLICY]},{second.urls[POLICY]}]"
        run = Run(GENPRM, tmp_path, **{"engine.backend": "openai", **addresses})
        assert servers.wait_until_busy() == second.wait_until_busy() == POLICY
        second.kill()
        status, said = run.wait()
    assert status == 0, said
    assert "17 made, 0 fresh, 0 failed" in said
    (line,) = [line for line in said.splitlines() if second.urls[POLICY] in line]
    assert "what it worked on goes to the other copy" in line
    assert tables(tmp_path) == tables(alone)
    readings = pq.read_table(tmp_path / "miniature" / "tables" / "training_set" / "main" / "judged_from.parquet")
    assert readings["engine"].to_pylist() == ["openai"], "no model was opened here"
