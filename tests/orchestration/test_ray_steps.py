"""A step that Dagster runs by itself, as from its pages, is a job of the cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest
from test_ray import RAY

from genprm.records import Problem
from genprm.store import profile_store
from orchestration.home import prepare


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster that takes jobs."""
    pytest.importorskip("ray", reason="ray is not installed (make test-cluster installs it)")
    for name, value in RAY.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": True})
    yield cluster.address
    cluster.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_step_is_a_job_of_the_cluster(address: str) -> None:
    prepare()
    command = ["-m", "dagster", "asset", "materialize", "--select", "problems", "-m", "orchestration.definitions"]
    settings = {"GENPRM_PROFILE": "miniature", "GENPRM_SET": "runner.backend=ray problems.limit=4"}
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **settings, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(profile_store("miniature").read(Problem, "problems")) == 4
    with dg.DagsterInstance.get() as instance:
        [run] = instance.get_runs()
        starting = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_WORKER_STARTING)
    assert [
        "Ray Submission ID" in entry.get_dagster_event().event_specific_data.metadata for entry in starting
    ] == [True]
