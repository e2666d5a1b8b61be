"""The web pages: what is said before the servers start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import typer

from orchestration.tracking import MlflowTracking, mlflow_address
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


@pytest.mark.parametrize(
    ("server", "given", "address"),
    [
        ("", None, "http://127.0.0.1:1702"),
        ("http://mlflow:5000", None, "http://mlflow:5000"),
        ("http://mlflow:5000", "https://seen.example", "https://seen.example"),
    ],
)
def test_the_servers_link_to_the_mlflow_that_is_there(
    server: str, given: str | None, address: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GENPRM_MLFLOW_URL", "GENPRM_DAGSTER_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    if given is not None:
        monkeypatch.setenv("GENPRM_MLFLOW_URL", given)
    if server:
        monkeypatch.setenv("GENPRM_SET", f"tracking.uri={server}")
    monkeypatch.setattr(MlflowTracking, "runs_page", lambda self: None)
    seen: list[str] = []

    def look(*_: object) -> int:
        seen.append(mlflow_address(server or "sqlite:///any"))
        return 0

    monkeypatch.setattr("orchestration.ui.serve", look)
    monkeypatch.setattr("orchestration.ui._require_free", lambda ports: None)
    with pytest.raises(typer.Exit):
        ui(dagster_port=1701, mlflow_port=1702)
    assert seen == [address]


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


SERVES = """
import signal, sys
from pathlib import Path
from orchestration.ui import serve
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program in the background of a shell ignores it
signal.signal(signal.SIGHUP, signal.{handler})
code = "import subprocess; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True); child.wait()"
sys.exit(serve({{"server": [sys.executable, "-c", code]}}, Path({logs!r}), {{}}))
"""


@contextmanager
def serving(logs: Path, handler: str = "SIG_DFL") -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that keeps a server, and the id of a process that the server started."""
    log = logs / "server.log"
    with subprocess.Popen([sys.executable, "-c", SERVES.format(handler=handler, logs=str(logs))]) as keeper:
        try:
            while not log.exists() or not log.read_text().endswith("\n"):
                assert keeper.poll() is None
                time.sleep(0.05)
            yield keeper, int(log.read_text())
        finally:
            keeper.kill()


def runs(pid: int) -> bool:
    """Whether a process has not ended; init may take its time to bury one."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def ends(pid: int) -> bool:
    """Whether a process has ended or does so within seconds."""
    deadline = time.monotonic() + 20
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not runs(pid)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_server_outlives_a_closed_terminal(end: signal.Signals, tmp_path: Path) -> None:
    with serving(tmp_path) as (keeper, server):
        keeper.send_signal(end)
        assert keeper.wait(60) == 0
        assert ends(server)


def test_no_server_outlives_one_that_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as (keeper, server):
        keeper.kill()
        assert ends(server)


def test_nohup_keeps_the_servers_when_the_terminal_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path, handler="SIG_IGN") as (keeper, server):
        keeper.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            keeper.wait(1)
        assert runs(server)
