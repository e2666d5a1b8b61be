"""Fences: whoever works on another machine holds a file of the home, and has ended when the file is free.

When a node is lost, Ray says so before the processes there have ended, and where the network alone was lost, long
before. Nobody begins a partition again while somebody may still write it. The lock is the kernel's, so it ends with
its process; a server of network files frees it when it no longer hears of the machine.
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
    """A file that nobody holds. A node that does not find it has another home."""
    path = home() / "workers" / uuid.uuid4().hex
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def hold(path: Path) -> IO[str]:
    """Hold a fence until the file is closed or the process ends.

    Raises:
        FileNotFoundError: it is not there.
    """
    file = path.open("r+")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def is_free(path: Path, seconds: float) -> bool:
    """Whether nobody holds a fence, which is waited for."""
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
