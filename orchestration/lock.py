"""One `genprm run` at a time in a home: what it left open when killed can then be told from what is running."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genprm.settings import home


class AnotherRun(RuntimeError):  # noqa: N818  says what it is
    """A run is in progress in this home."""


def _path() -> Path:
    return home() / "run.lock"


@contextmanager
def run_lock() -> Iterator[None]:
    """Hold the home for one run.

    Raises:
        AnotherRun: another process holds it.
    """
    _path().parent.mkdir(parents=True, exist_ok=True)
    with _path().open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherRun(f"another genprm run is in progress in {home()}") from None
        yield


def run_in_progress() -> bool:
    """Whether some process holds the home."""
    if not _path().exists():
        return False
    try:
        with run_lock():
            return False
    except AnotherRun:
        return True
