"""The cluster file is one that Ray accepts, and its commands are ones that Ray has."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

CLUSTER = Path(__file__).parents[2] / "infra/ray/cluster.yaml"


@pytest.fixture
def config() -> dict[str, Any]:
    pytest.importorskip("ray", reason="ray is not installed (make test-cluster installs it)")
    return yaml.safe_load(CLUSTER.read_text())


def test_ray_accepts_the_cluster_file_and_no_unknown_key(config: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(config)  # `ray up` does the same in this order
    validate_config(prepared)
    workers = [node for node in prepared["available_node_types"].values() if node.get("min_workers")]
    assert [node["min_workers"] for node in workers] == [len(config["provider"]["worker_ips"])]
    with pytest.raises(Exception, match="worker_start_commands"):
        validate_config({**prepared, "worker_start_commands": []})


def test_ray_has_the_options_of_its_commands(config: dict[str, Any]) -> None:
    from ray.scripts.scripts import cli

    lines = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    found = []
    for command in (part for line in lines for part in line.split(";") if "bin/ray" in part):
        _, name, *options = shlex.split(command)
        cli.commands[name].make_context(name, options)
        found.append(name)
    assert found == ["stop", "start", "stop", "start"]
