"""Recognise a full disk, which libraries report in many ways."""

from __future__ import annotations

import errno
import shutil
import sqlite3

from genprm.settings import home

ROOM_FOR_A_PAGE = 64 * 1024
"""Free bytes below which SQLite can write nothing."""


def full_disk(error: BaseException) -> str | None:
    """Return one line for the user if an error, or one of its causes, comes from a full disk; None otherwise.

    SQLite reports every failed write as an input/output error, so the home's free space is checked as well.

    >>> full_disk(OSError(errno.EACCES, "Permission denied"))
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    written = any(isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT) for one in chain)
    if written or (any(isinstance(one, sqlite3.OperationalError) for one in chain) and _home_is_full()):
        return f"the disk of {home()} is full; what was finished is kept: make room and call again"
    return None


def _home_is_full() -> bool:
    place = home()
    return place.exists() and shutil.disk_usage(place).free < ROOM_FOR_A_PAGE
