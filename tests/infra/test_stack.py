"""The services of the compose file, started on a Docker engine from an image that is there already."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration.definitions import defs

COMPOSE_FILE = Path(__file__).parents[2] / "infra/compose.yaml"
PROJECT = "genprm-test"
PORTS = {"DAGSTER_PORT": "3999", "MLFLOW_PORT": "5999"}
SECRETS = {"DAGSTER_POSTGRES_PASSWORD": "of a test", "AWS_SECRET_ACCESS_KEY": "of a test"}
PATIENCE_SECONDS = 240.0
LIST_STORE = "import s3fs; print(*s3fs.S3FileSystem().find('genprm'))"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def compose_command() -> list[str]:
    """Compose as a plugin of `docker`, or as the program of its own that older systems have."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


@dataclass(frozen=True)
class Stack:
    """The services that an environment file asks for, or those that start without one."""

    options: tuple[str, ...] = ()

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call Compose on them."""
        chosen = [*self.options, "--project-name", PROJECT, "--file", str(COMPOSE_FILE)]
        environment = {**os.environ, **PORTS, **SECRETS, "COMPOSE_HTTP_TIMEOUT": "600"}
        command = [*compose_command(), *chosen, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)


ALONE = Stack()
CLUSTER = Stack(("--env-file", str(COMPOSE_FILE.parent / "cluster.env")))


def need_image(name: str) -> None:
    """Skip the test where an image is not there."""
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode != 0:
        pytest.skip(f"no image {name} (docs/deployment.md)")


@pytest.fixture(scope="module", params=[ALONE, CLUSTER], ids=["alone", "cluster"])
def stack(request: Any) -> Iterator[Stack]:
    if shutil.which("docker") is None:
        pytest.skip("no docker program")
    engine = subprocess.run(["docker", "info"], capture_output=True)
    if engine.returncode != 0:
        pytest.skip("no Docker engine answers")
    need_image("genprm:latest")
    if request.param is CLUSTER:
        for image in re.findall(r"image: \$\{(\w+):-(\S+)\}", COMPOSE_FILE.read_text()):
            need_image(os.environ.get(*image))
    try:
        started = request.param.compose("up", "--detach", "--no-build")
        assert started.returncode == 0, started.stderr
        yield request.param
    finally:
        request.param.compose("down", "--volumes")


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


def test_the_stack_shows_the_graph_and_works_as_a_plain_user(stack: Stack) -> None:
    wait_until_served()
    repositories = graphql(
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { assetNodes {"
        " assetKey { path } isExecutable } } } } }"
    )["repositoriesOrError"]["nodes"]
    served = {tuple(node["assetKey"]["path"]) for one in repositories for node in one["assetNodes"]}
    assert served == {tuple(key.path) for key in defs.resolve_asset_graph().get_all_asset_keys()}

    with urllib.request.urlopen(f"http://127.0.0.1:{PORTS['MLFLOW_PORT']}/health", timeout=30) as answer:
        assert answer.read() == b"OK"

    report = stack.compose("exec", "-T", "code", "genprm", "doctor")
    assert report.returncode == 0, report.stdout + report.stderr
    assert stack.compose("exec", "-T", "code", "id", "-u").stdout.strip() not in ("", "0")


def test_the_profile_of_several_machines_keeps_records_and_objects_elsewhere(stack: Stack) -> None:
    if stack is ALONE:
        pytest.skip("the services of one machine keep all in their volume")
    count = ("psql", "--username=genprm", "--dbname=dagster", "--command=SELECT count(*) FROM runs")
    counted = stack.compose("exec", "-T", "postgres", *count)
    assert counted.returncode == 0, counted.stderr
    listed = stack.compose("exec", "-T", "code", "python", "-c", LIST_STORE)
    assert listed.stdout.split() == ["genprm/.genprm/probe"], listed.stderr
    databases = stack.compose("exec", "-T", "code", "find", "/data", "-name", "*.db")
    assert (databases.returncode, databases.stdout) == (0, ""), databases.stderr
