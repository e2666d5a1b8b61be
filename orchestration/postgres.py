"""Dagster's records in Postgres instead of SQLite, where the environment names a server; and the lock on them.

The variables are those of Dagster's own examples. `DAGSTER_POSTGRES_HOST` decides, the others have defaults.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genprm.settings import SettingsError

if TYPE_CHECKING:
    from psycopg2.extensions import connection

HOST = "DAGSTER_POSTGRES_HOST"
PORT, USER = "DAGSTER_POSTGRES_PORT", "DAGSTER_POSTGRES_USER"
PASSWORD, DATABASE = "DAGSTER_POSTGRES_PASSWORD", "DAGSTER_POSTGRES_DB"
DEFAULTS = {PORT: "5432", USER: "genprm", PASSWORD: "", DATABASE: "dagster"}

DRIVER = "postgresql+psycopg2"
"""SQLAlchemy's name of the driver. Without a name, SQLAlchemy 2.1 takes another driver, with which Dagster's
notifications fail."""

STORAGE = f"""
storage:
  postgres:
    postgres_db:
      scheme: {DRIVER}
      hostname: {{env: {HOST}}}
      port: {{env: {PORT}}}
      username: {{env: {USER}}}
      password: {{env: {PASSWORD}}}
      db_name: {{env: {DATABASE}}}
"""
"""The lines of `dagster.yaml`."""

_CONNECT_SECONDS = 10
_LOCK = 0x67656E70726D
"""Number of the advisory lock: the letters of genprm."""


def chosen() -> bool:
    """Whether the environment names a server."""
    return bool(os.environ.get(HOST))


def address() -> str:
    """The address of the records, for messages."""
    return f"{os.environ[USER]}@{os.environ[HOST]}:{os.environ[PORT]}/{os.environ[DATABASE]}"


def settle(settings: Path) -> None:
    """Fill in the variables that have defaults, and check that `dagster.yaml` fits them and the server answers.

    Raises:
        SettingsError: the file keeps the records elsewhere, reads a variable that is not set, or the server does
            not answer.
    """
    import yaml

    if chosen():
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
    storage = (yaml.safe_load(settings.read_text()) or {}).get("storage")
    missing = [name for name in _variables(storage) if name not in os.environ]
    if missing:
        raise SettingsError(f"{missing[0]} is not set, and {settings} reads from it where Dagster's records are")
    if not chosen():
        return
    if storage is None:
        raise SettingsError(
            f"{HOST} is {os.environ[HOST]!r}, but {settings} was written without it and keeps Dagster's records in "
            f"files; allowed: unset it, or remove that file and have it written anew"
        )
    _connect().close()


def _variables(storage: Any) -> Iterator[str]:
    """The environment variables that a part of `dagster.yaml` reads."""
    if isinstance(storage, dict):
        if set(storage) == {"env"}:
            yield str(storage["env"])
        for value in storage.values():
            yield from _variables(value)


def _connect() -> connection:
    from genprm.extras import require

    require("dagster_postgres")
    import psycopg2

    try:
        return psycopg2.connect(
            host=os.environ[HOST],
            port=os.environ[PORT],
            user=os.environ[USER],
            password=os.environ[PASSWORD] or None,
            dbname=os.environ[DATABASE],
            connect_timeout=_CONNECT_SECONDS,
        )
    except psycopg2.OperationalError as error:
        raise SettingsError(f"Postgres at {address()} ({HOST} and others): {error}") from None


@contextmanager
def to_ourselves(shared: bool) -> Iterator[bool]:
    """Lock the records for one run on any machine, or `shared` by processes that only look; yields whether it
    succeeded. Records in files are covered by the lock of their home.

    Postgres releases the lock when the connection ends, however it ends.
    """
    if not chosen():
        yield True
        return
    held = _connect()
    try:
        held.autocommit = True
        with held.cursor() as cursor:
            take = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
            cursor.execute(f"SELECT {take}(%s)", (_LOCK,))
            (alone,) = cursor.fetchone() or (False,)
        yield bool(alone)
    finally:
        held.close()
