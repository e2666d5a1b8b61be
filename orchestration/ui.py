"""`make ui`: Dagster's web server and daemon and an MLflow server on the same home, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from genprm.parents import dying_with_us
from orchestration.commands import ProfileOption, read_profile, refuse

STOP_SECONDS = 15.0
LOOK_SECONDS = 0.5

DagsterPort = Annotated[int, typer.Option("--dagster-port", help="Port of Dagster on 127.0.0.1.", min=1, max=65535)]
MlflowPort = Annotated[int, typer.Option("--mlflow-port", help="Port of MLflow on 127.0.0.1.", min=1, max=65535)]


WORKSPACE = Path(__file__).with_name("workspace.yaml")


def commands(dagster_port: int, mlflow_port: int, database: str, artifacts: str) -> dict[str, list[str]]:
    """The servers' command lines, by name; everything runs in this Python."""
    from orchestration.dagster_private import DAEMON_MODULE

    code = ["--workspace", str(WORKSPACE)]
    return {
        "dagster-webserver": [
            *(sys.executable, "-m", "dagster_webserver", "--host", "127.0.0.1", "--port", str(dagster_port)),
            *code,
        ],
        "dagster-daemon": [sys.executable, "-m", DAEMON_MODULE, "run", *code],
        "mlflow": [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(mlflow_port)),
            *("--workers", "1", "--backend-store-uri", database, "--default-artifact-root", artifacts),
        ],
    }


def ui(
    dagster_port: DagsterPort = 3000,
    mlflow_port: MlflowPort = 5000,
    profile: ProfileOption = None,
) -> None:
    """Start Dagster and MLflow on what the terminal made; Ctrl-C stops both."""
    from genprm.extras import require
    from genprm.settings import home
    from orchestration.home import artifacts_folder, prepare
    from orchestration.tracking import MlflowTracking, mlflow_address

    require("dagster_webserver")
    chosen = read_profile(profile, None)
    if chosen.runner.backend == "ray":
        require("dagster_ray")
    if profile is not None:  # the servers, and the runs that they launch, read it from the environment
        file = Path(profile)
        os.environ["GENPRM_PROFILE"] = str(file.absolute()) if file.is_file() else profile
    elsewhere = (chosen.tracking.uri or "").startswith("http")
    _require_free({"--dagster-port": dagster_port} | ({} if elsewhere else {"--mlflow-port": mlflow_port}))
    prepare()
    dagster, mlflow = f"http://127.0.0.1:{dagster_port}", f"http://127.0.0.1:{mlflow_port}"
    os.environ["GENPRM_DAGSTER_URL"] = dagster
    if not elsewhere:
        os.environ["GENPRM_MLFLOW_URL"] = mlflow
    tracking = MlflowTracking(chosen.tracking, chosen.name)
    servers = commands(dagster_port, mlflow_port, tracking.uri, artifacts_folder().as_uri())
    ports = {f"Dagster {dagster}": dagster_port, f"MLflow  {mlflow}": mlflow_port}
    if elsewhere:
        del servers["mlflow"]
        ports = {f"Dagster {dagster}": dagster_port}
        print(f"MLflow  {mlflow_address(tracking.uri)}")
    elif runs := tracking.runs_page():
        ports[f"runs    {runs}"] = mlflow_port
    print(f"home    {home()}  (logs in {home() / 'logs'}; Ctrl-C stops all)", flush=True)
    raise typer.Exit(serve(servers, home() / "logs", ports))


def _require_free(ports: Mapping[str, int]) -> None:
    for option, port in ports.items():
        with socket.socket() as probe:
            # As servers do, so that a connection that has just ended does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise refuse(f"{option} is {port}, which cannot be had: {error.strerror}") from None


def serve(servers: dict[str, list[str]], logs: Path, addresses: Mapping[str, int]) -> int:
    """Run the servers until interrupted (returns 0), by SIGTERM or a closed terminal too, or until one of them ends
    (returns 1); no server is left running.

    Args:
        addresses: the lines to print, each with its port; a line is printed once something listens there.
    """
    logs.mkdir(parents=True, exist_ok=True)
    _listen_to_the_end()
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in servers.items():
            with (logs / f"{name}.log").open("ab") as log:
                running[name] = subprocess.Popen(
                    dying_with_us(command), stdout=log, stderr=log, start_new_session=True
                )
        awaited = dict(addresses)
        while True:
            time.sleep(LOOK_SECONDS)
            for line in [line for line, port in awaited.items() if _listens(port)]:
                del awaited[line]
                print(line, flush=True)
            ended = [name for name, process in running.items() if process.poll() is not None]
            if ended:
                print(f"genprm: {ended[0]} ended, see {logs / ended[0]}.log", file=sys.stderr)
                return 1
    except KeyboardInterrupt:
        return 0
    finally:
        stop(list(running.values()))


def _listen_to_the_end() -> None:
    """Make SIGTERM and SIGHUP (sent when the terminal is closed) interrupt this process as Ctrl-C does."""

    def interrupt(signum: int, frame: object) -> None:
        # The kernel and the shell may both signal a closed terminal: the second signal must not disturb the end.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it, to outlive the terminal
        signal.signal(signal.SIGHUP, interrupt)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask each process group to end, and kill what does not; at once when an interrupt comes."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            _signal(process, signal.SIGKILL)
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # the whole group is gone already
        os.killpg(process.pid, number)


if __name__ == "__main__":
    typer.run(ui)
