"""The services of the compose file, started on a Docker engine from an image that is there already."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.definitions import defs

COMPOSE_FILE = Path(__file__).parents[2] / "infra/compose.yaml"
PROJECT = "genprm-test"
PORTS = {"DAGSTER_PORT": "3999", "MLFLOW_PORT": "5999"}
PATIENCE_SECONDS = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def compose_command() -> list[str]:
    """Compose as a plugin of `docker`, or as the program of its own that older systems have."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*compose_command(), "--project-name", PROJECT, "--file", str(COMPOSE_FILE), *arguments]
    environment = {**os.environ, **PORTS, "COMPOSE_HTTP_TIMEOUT": "600"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def stack() -> Iterator[None]:
    if shutil.which("docker") is None:
        pytest.skip("no docker program")
    engine = subprocess.run(["docker", "info"], capture_output=True)
    if engine.returncode != 0:
        pytest.skip("no Docker engine answers")
    if subprocess.run(["docker", "image", "inspect", "genprm:latest"], capture_output=True).returncode != 0:
        pytest.skip("no image genprm:latest (docs/deployment.md says how it is built)")
    try:
        started = compose("up", "--detach", "--no-build")
        assert started.returncode == 0, started.stderr
        yield
    finally:
        compose("down", "--volumes")


def graphql(query: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORTS['DAGSTER_PORT']}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
    return data


def unhealthy_daemons() -> list[str]:
    health = graphql("{ instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } } }")
    statuses = health["instance"]["daemonHealth"]["allDaemonStatuses"]
    assert statuses
    return [one["daemonType"] for one in statuses if one["required"] and not one["healthy"]]


def wait_until_served() -> None:
    """The web server and the daemon come last, and nothing waits for them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = True
    while waiting:
        assert time.monotonic() < deadline
        time.sleep(1)
        with contextlib.suppress(OSError):
            waiting = bool(unhealthy_daemons())


def test_the_stack_shows_the_graph_and_works_as_a_plain_user(stack: None) -> None:
    wait_until_served()
    repositories = graphql(
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { assetNodes {"
        " assetKey { path } isExecutable } } } } }"
    )["repositoriesOrError"]["nodes"]
    served = {tuple(node["assetKey"]["path"]) for one in repositories for node in one["assetNodes"]}
    assert served == {tuple(key.path) for key in defs.resolve_asset_graph().get_all_asset_keys()}

    with urllib.request.urlopen(f"http://127.0.0.1:{PORTS['MLFLOW_PORT']}/health", timeout=30) as answer:
        assert answer.read() == b"OK"

    report = compose("exec", "-T", "code", "genprm", "doctor")
    assert report.returncode == 0, report.stdout + report.stderr
    assert compose("exec", "-T", "code", "id", "-u").stdout.strip() not in ("", "0")
