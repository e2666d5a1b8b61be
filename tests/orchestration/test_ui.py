"""The web pages: what is said before the servers start."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
import typer

from orchestration.ui import serve, ui


@pytest.mark.parametrize("option", ["--dagster-port", "--mlflow-port"])
def test_a_port_that_is_taken_is_named(option: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other, socket.socket() as free:
        other.bind(("127.0.0.1", 0))
        other.listen()
        free.bind(("127.0.0.1", 0))
        taken, spare = other.getsockname()[1], free.getsockname()[1]
        free.close()
        ports = {"dagster_port": spare, "mlflow_port": spare, option.strip("-").replace("-", "_"): taken}
        with pytest.raises(typer.Exit) as done:
            ui(**ports)
    assert done.value.exit_code == 2
    assert f"genprm: {option} is {taken}, which cannot be had: Address already in use" in capsys.readouterr().err
    assert not home.exists()


def test_an_address_is_printed_once_something_listens_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(3)"
    lines = {"it listens": port, "nothing does": 1}
    assert serve({"server": [sys.executable, "-c", script]}, tmp_path, lines) == 1, "it ended by itself"
    assert capsys.readouterr().out == "it listens\n"
