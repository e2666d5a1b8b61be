"""A Postgres of a test: started by hand on a loopback port, by an unprivileged user, and gone with the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration import postgres

USER = "genprm"


@dataclass(frozen=True)
class Server:
    """Where it listens; it trusts whoever comes."""

    port: int

    @property
    def environment(self) -> dict[str, str]:
        """What a run is told of it, which has the database `dagster` for its records."""
        return {postgres.HOST: "127.0.0.1", postgres.PORT: str(self.port)}

    def uri(self, database: str) -> str:
        """The address of a database, as MLflow is given it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"


def _programs() -> Path:
    """Where the programs of a server are, which Debian puts on no path."""
    pytest.importorskip(
        "dagster_postgres", reason='dagster-postgres is not installed (pip install "genprm[postgres]")'
    )
    found = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    program = next((path for path in [*reversed(found), shutil.which("initdb")] if path), None)
    if program is None:
        pytest.skip("Postgres is not installed (apt-get install postgresql)")
    return Path(program).parent


def _create(port: int, databases: Sequence[str]) -> None:
    import psycopg2

    connection = psycopg2.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres")
    connection.autocommit = True  # a database is not made within a transaction
    with connection.cursor() as cursor:
        for name in databases:
            cursor.execute(f"CREATE DATABASE {name}")
    connection.close()


@contextmanager
def postgres_server(*databases: str) -> Iterator[Server]:
    """An empty server with some databases."""
    programs = _programs()
    # Postgres refuses to be run by root.
    user = "nobody" if os.geteuid() == 0 else None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program: str, *options: str) -> None:
        done = subprocess.run(
            [programs / program, *options], user=user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert done.returncode == 0, done.stdout.decode()

    with tempfile.TemporaryDirectory() as folder:
        if user is not None:
            shutil.chown(folder, user)
        data, log = f"{folder}/data", f"{folder}/log"
        run("initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        listens = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-l", log, "-o", listens, "--wait", "start")
        try:
            _create(port, databases)
            yield Server(port)
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "--wait", "stop")
