"""The Ray cluster that a machine belongs to: joining it, and what its nodes have.

Ray's own variable `RAY_ADDRESS` names the cluster; without it, it is the one that was started on this machine.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from dataclasses import dataclass

from genprm.extras import require

ADDRESS_VARIABLE = "RAY_ADDRESS"
ANSWER_SECONDS = 10.0
"""How long the head of a cluster may take to answer."""


class ClusterError(RuntimeError):
    """No cluster can be joined, or it lacks what is asked of it."""


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node that is alive: its address, and the resources that Ray was told it has."""

    address: str
    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"{self.address}: {self.gpus:g} GPUs, {self.cpus:g} CPUs"


def join_cluster() -> None:
    """Connect this process to the cluster. Joining twice is harmless.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        ClusterError: no cluster answers, or one of another version of Ray or Python.
    """
    require("ray")
    import ray

    if ray.is_initialized():
        return
    address = os.environ.get(ADDRESS_VARIABLE)
    if address:
        _require_answer(address)
    in_main_thread = threading.current_thread() is threading.main_thread()
    asked_to_end = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address="auto", log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address, str(error).strip().partition("\n")[0]) from None
    finally:
        if in_main_thread:  # Ray installs its own handler, which would end the process at once
            signal.signal(signal.SIGTERM, asked_to_end)


def _require_answer(address: str) -> None:
    """Fail early where nothing answers: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdigit() or not host or "/" in host:
        raise ClusterError(
            f"{ADDRESS_VARIABLE} is {address!r}, allowed: HOST:PORT of the head, as in 10.0.0.1:6379"
        )
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from None


def _unreachable(address: str | None, reason: str) -> ClusterError:
    return ClusterError(
        f"no Ray cluster can be joined at {address or 'this machine'} ({reason}), allowed: one that "
        f"`ray start --head` began here, or that {ADDRESS_VARIABLE} names"
    )


def cluster_nodes() -> list[ClusterNode]:
    """The nodes that are alive; the process must have joined the cluster."""
    import ray

    return [
        ClusterNode(node["NodeManagerAddress"], *(node["Resources"].get(kind, 0.0) for kind in ("CPU", "GPU")))
        for node in ray.nodes()
        if node["Alive"]
    ]
