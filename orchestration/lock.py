"""One `genprm run` at a time per home and per database of records, so that what a killed run left open can be told
from what is running."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from genprm.settings import home
from orchestration import postgres

PATIENCE_SECONDS = 2.0
"""How long a run tries to get the lock: a process that only checks for a run in progress holds it for a moment."""
_PAUSE = 0.1


class AnotherRun(RuntimeError):  # noqa: N818  says what it is
    """A run is in progress in this home, or in another one with the same records."""


def _path() -> Path:
    return home() / "run.lock"


@contextmanager
def run_lock() -> Iterator[None]:
    """Lock the home, and the records where they are in Postgres, for one run.

    Raises:
        AnotherRun: another process holds one of them, and still does after `PATIENCE_SECONDS`.
    """
    with ExitStack() as held:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                held.enter_context(_lock(shared=False))
                break
            except AnotherRun:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)
        yield


def run_in_progress() -> bool:
    """Whether some process holds the home or the records. Processes that only look can do so at the same time."""
    if not _path().exists() and not postgres.chosen():
        return False
    try:
        with _lock(shared=True):
            return False
    except AnotherRun:
        return True


@contextmanager
def _lock(shared: bool) -> Iterator[None]:
    _path().parent.mkdir(parents=True, exist_ok=True)
    with _path().open("a+") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherRun(f"another genprm run is in progress in {home()}") from None
        with postgres.to_ourselves(shared) as alone:
            if not alone:
                raise AnotherRun(f"another genprm run is in progress on the records in {postgres.address()}")
            yield
