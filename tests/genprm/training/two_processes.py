"""A function in two processes that know of each other, as a training has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def in_two_processes(function: Callable[..., Any], *arguments: object) -> dict[int, Any]:
    """What it returns in each, by rank."""
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
    )
    return dict(elastic_launch(config, function)(*arguments))
