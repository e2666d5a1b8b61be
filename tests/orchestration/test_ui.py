"""The web pages: what is said before the servers start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import typer

from orchestration.ui import ui


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
