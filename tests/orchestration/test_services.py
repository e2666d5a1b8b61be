"""Which servers are waited for, and that a wait ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from orchestration.services import await_services, named


@pytest.fixture
def port() -> Iterator[int]:
    """A port at which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No server is named."""
    for name in ("DAGSTER_POSTGRES_HOST", "DAGSTER_POSTGRES_PORT", "GENPRM_STORE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_nothing_is_waited_for_unless_it_is_named(nothing: pytest.MonkeyPatch) -> None:
    nothing.setenv("AWS_ENDPOINT_URL", "http://store:9000")  # of something else: nothing is kept there
    nothing.setenv("DAGSTER_POSTGRES_HOST", "")
    assert list(named()) == []


def test_the_records_and_the_store_are_waited_for(nothing: pytest.MonkeyPatch) -> None:
    nothing.setenv("DAGSTER_POSTGRES_HOST", "db")
    nothing.setenv("GENPRM_STORE", "s3://genprm")
    assert list(named()) == [("db", 5432)], "S3 itself is there"
    nothing.setenv("AWS_ENDPOINT_URL", "https://store")
    assert list(named()) == [("db", 5432), ("store", 443)]
    nothing.setenv("AWS_ENDPOINT_URL", "http://store:9000")
    assert list(named())[1] == ("store", 9000)


@pytest.mark.parametrize("listening", [True, False])
def test_a_wait_ends(nothing: pytest.MonkeyPatch, port: int, listening: bool) -> None:
    nothing.setenv("DAGSTER_POSTGRES_HOST", "127.0.0.1")
    nothing.setenv("DAGSTER_POSTGRES_PORT", str(port) if listening else "1")
    await_services(3600.0 if listening else 0.0)
