"""One `genprm run` at a time in a home, and on a database of records: what it left open when killed can then be
told from what is running."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genprm.settings import home
from orchestration import postgres


class AnotherRun(RuntimeError):  # noqa: N818  says what it is
    """A run is in progress in this home, or in another one with the same records."""


def _path() -> Path:
    return home() / "run.lock"


@contextmanager
def run_lock() -> Iterator[None]:
    """Hold the home, and the records where they are in Postgres, for one run.

    Raises:
        AnotherRun: another process holds one of them.
    """
    _path().parent.mkdir(parents=True, exist_ok=True)
    with _path().open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherRun(f"another genprm run is in progress in {home()}") from None
        with postgres.to_ourselves() as alone:
            if not alone:
                raise AnotherRun(f"another genprm run is in progress on the records in {postgres.address()}")
            yield


def run_in_progress() -> bool:
    """Whether some process holds the home or the records."""
    if not _path().exists() and not postgres.chosen():
        return False
    try:
        with run_lock():
            return False
    except AnotherRun:
        return True
