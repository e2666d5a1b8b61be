"""Fences: a worker on another machine locks a file of the home, and has ended when the file is free.

Ray reports a lost node before the processes there have ended: long before, where only the network failed. No
partition may begin again while the lost worker could still write it. The lock is the kernel's, so it ends with its
process; a network file server frees it when it no longer hears from the machine.
"""

from __future__ import annotations

import fcntl
import time
import uuid
from pathlib import Path
from typing import IO

from genprm.settings import home

_PAUSE = 0.2


def new_fence() -> Path:
    """Create a file that nobody holds. A node that does not see the file has another home."""
    path = home() / "workers" / uuid.uuid4().hex
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def hold(path: Path) -> IO[str]:
    """Hold a fence until the file is closed or the process ends.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    file = path.open("r+")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def is_free(path: Path, seconds: float) -> bool:
    """Wait up to `seconds` for a fence to be free; return whether it is."""
    deadline = time.monotonic() + seconds
    with path.open("r+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
            time.sleep(_PAUSE)
