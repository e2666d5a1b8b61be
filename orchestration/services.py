"""Waits for the servers that the environment names: in containers they start together with their clients."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from genprm.carried import ADDRESS
from orchestration import postgres

_ENDPOINT = "AWS_ENDPOINT_URL"
_LOOK_SECONDS = 0.5
_CONNECT_SECONDS = 5
_PORTS = {"http": 80, "https": 443}


def await_services(seconds: float) -> None:
    """Wait up to `seconds` until each server listens. If one never does, whatever connects to it reports that."""
    deadline = time.monotonic() + seconds
    for host, port in named():
        while not _listens(host, port) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)


def named() -> Iterator[tuple[str, int]]:
    """Host and port of Postgres and of the object store, as far as the environment names them."""
    if postgres.chosen():
        port = os.environ.get(postgres.PORT, postgres.DEFAULTS[postgres.PORT])
        yield os.environ[postgres.HOST], int(port)
    endpoint = urlsplit(os.environ.get(_ENDPOINT, ""))
    if os.environ.get(ADDRESS) and endpoint.hostname:
        yield endpoint.hostname, endpoint.port or _PORTS.get(endpoint.scheme, 443)


def _listens(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), _CONNECT_SECONDS):
        return True
    return False
