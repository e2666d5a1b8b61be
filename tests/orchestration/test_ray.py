"""The pipeline on a Ray cluster of two nodes on this machine, on a method without models."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import fake_method
import fake_node
import pytest
from conftest import fake_house
from rich.console import Console

from assets.partitions import Pipeline
from genprm.hardware.cluster import ClusterError
from genprm.settings import Profile
from genprm.store import profile_store
from orchestration.assembly import build_definitions
from orchestration.crew import Crew
from orchestration.display import LineDisplay
from orchestration.home import handed_on, prepare
from orchestration.needs import Needs
from orchestration.reporting import report_parameters
from orchestration.runner import Runner, Summary
from orchestration.schedule import pipeline_nodes
from orchestration.staleness import Node
from orchestration.worker import Advance, Order

SMALL = ["problems", "solutions", "mc_scores", "rpe_labels"]
HERE = Path(__file__).parent
INSTALLED = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(
    not INSTALLED, reason="ray is not installed (make test-cluster installs it in an environment of its own)"
)
# The nodes share the processors of this machine: none keeps processes ready.
RAY = {"RAY_enable_worker_prestart": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with two processors and a pretended GPU each; work on the second one hangs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in RAY.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
        import ray
        from ray.cluster_utils import Cluster

        each = {"num_cpus": 2, "num_gpus": 1}
        head = {**each, "include_dashboard": False, "no_monitor": True, "include_log_monitor": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**each, include_log_monitor=False, env_vars={"FAKE_NODE": fake_node.HANGS})
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def make(profile: Profile, assets: list[str] | None = None) -> tuple[Summary, list[str]]:
    """Make some assets of the fake pipeline, or all; the summary and the lines shown."""
    prepare()
    graph = build_definitions(profile).resolve_asset_graph()
    console = Console(file=io.StringIO(), record=True, width=200)
    with dg.DagsterInstance.get() as instance:
        report_parameters(instance, Pipeline(profile))
        runner = Runner(profile, graph, instance, profile_store("fake"), LineDisplay(console), "fake_node:build")
        summary = runner.run(pipeline_nodes(graph, assets))
        assert [run.status.value for run in instance.get_runs() if not run.is_finished] == []
    return summary, console.export_text().splitlines()


def tables(home: Path) -> dict[str, bytes]:
    """The bytes of every table of a home."""
    folder = home / "fake" / "tables"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def lost_when_it_hangs(node: Any) -> threading.Thread:
    """Kill the raylet of a node, which holds it together, once work on it hangs."""
    calls = fake_node.calls_file()

    def lose() -> None:
        while not calls.exists() or fake_node.HANGS not in calls.read_text():
            time.sleep(0.1)
        node.kill_raylet()

    thread = threading.Thread(target=lose, daemon=True)
    thread.start()
    return thread


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_no_node_has_is_said_at_once(cluster: Any) -> None:
    profile = fake_method.fake_profile(engine={"backend": "vllm", "tensor_parallel": 2}, runner={"backend": "ray"})
    with pytest.raises(ClusterError, match=r"needs 2 GPUs and 1 CPUs on one node .*allowed: .*1 GPUs, 2 CPUs; "):
        make(profile, ["problems", "solutions"])
    assert not fake_node.calls_file().exists()


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_with_another_home_is_named(cluster: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration import ray_worker

    monkeypatch.setattr(ray_worker, "new_fence", lambda: home / "nowhere")
    with pytest.raises(ClusterError, match=f"GENPRM_HOME is {home}, which node .* does not see, allowed: "):
        make(fake_method.fake_profile(runner={"backend": "ray", "workers": 1}), ["problems"])


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_workers_that_cannot_start_end_the_run_with_their_reason(
    cluster: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration import ray_worker

    monkeypatch.setattr(ray_worker, "handed_on", lambda: {"GENPRM_NUMBER": 1})
    with pytest.raises(ClusterError, match="cannot start on the cluster: TypeError: str expected, not int"):
        make(fake_method.fake_profile(runner={"backend": "ray", "workers": 1}), ["problems"])


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_interrupted_training_on_a_node_saves_its_state_however_long_that_takes(
    cluster: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration import ray_worker

    prepare()
    told = {**handed_on(), "FAKE_SAVING": "5", "FAKE_CALLS": os.environ["FAKE_CALLS"]}
    monkeypatch.setattr(ray_worker, "handed_on", lambda: told)
    monkeypatch.setattr(ray_worker, "STOP_SECONDS", 1.0)
    profile, training = fake_method.fake_profile(), Node("checkpoints", None)
    start = partial(ray_worker.RayWorker, profile, "fake_training:build", "session")
    crew = Crew(1, start, lambda _: Needs())
    crew.summon(["checkpoints"])
    assert list(crew.messages()) == [], "it is ready"
    member = crew.give(training, Order("checkpoints", None))
    assert [(one, said) for one, said in crew.messages()] == [(member, Advance(0, 2))]
    awaited: list[Node] = []
    crew.stop(awaited.append)
    crew.close()
    assert awaited == [training]
    assert fake_method.calls() == ["saved"]


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_lost_node_costs_no_finished_row_and_changes_no_byte(cluster: Any, home: Path) -> None:
    [node] = cluster.worker_nodes
    thread = lost_when_it_hangs(node)
    summary, lines = make(fake_method.fake_profile(runner={"backend": "ray", "workers": 2}), SMALL)
    assert not thread.is_alive()
    assert (summary.failed, len(summary.made)) == ({}, 9)
    [again] = [line for line in lines if "was lost" in line]
    assert again.endswith("finished rows are kept, try 2 of 3")

    calls = fake_node.calls_file().read_text().split()
    assert calls.count("GPU=0") == calls.count("solutions") == 8, (
        "each has a GPU, and no finished row is made again"
    )

    with fake_house(home.with_name("plain")) as house:
        for one in pipeline_nodes(house.graph, SMALL):
            house.make(str(one))
    assert len(tables(home)) > len(SMALL)
    assert tables(home) == tables(house.home)


def genprm_run(**environment: str) -> subprocess.CompletedProcess[str]:
    """`genprm run` with workers on Ray."""
    command = [sys.executable, "-m", "genprm.cli", "run", "--set", "runner.backend=ray"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **RAY, **environment}
    )


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_without_a_cluster_it_says_so_in_one_line() -> None:
    done = genprm_run(RAY_ADDRESS="127.0.0.1:1")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("genprm: no Ray cluster can be joined at 127.0.0.1:1 (")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(INSTALLED, reason="ray is installed")
def test_without_ray_it_says_what_to_install(home: Path) -> None:
    done = genprm_run()
    assert (done.returncode, done.stderr) == (2, 'genprm: run needs the extra "ray": pip install "genprm[ray]"\n')
    assert not home.exists()
