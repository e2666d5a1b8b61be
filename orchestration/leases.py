"""Leases of GPUs: each belongs to one process of this user's at a time, whichever run or home it works for.

A lease is a kernel lock on a file, so it ends with its process, however that ends; processes that inherit the
descriptor hold the lock, too. The file names the holder, for people to read.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import tempfile
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

_PAUSE = 0.2
"""Shortest pause, in seconds, between looks for free devices; a random one up to twice that keeps waiters apart."""
_WAITING = "waiting"


def lease_folder() -> Path:
    """The directory of this user's lock files."""
    return Path(tempfile.gettempdir()) / f"genprm-devices-{os.getuid()}"


class Lease:
    """Devices that nobody else has until `release`, or until the last process that holds `locks` ends."""

    def __init__(self, files: dict[str, IO[str]], folder: Path) -> None:
        self._files = files
        self._folder = folder

    @property
    def names(self) -> tuple[str, ...]:
        """The devices, as they were named."""
        return tuple(self._files)

    @property
    def locks(self) -> tuple[int, ...]:
        """Descriptors to be inherited by processes that work on the devices."""
        return tuple(file.fileno() for file in self._files.values())

    @property
    def awaited(self) -> bool:
        """Whether another process waits for devices."""
        with (self._folder / _WAITING).open("a") as file:
            return not _lock(file)

    def release(self) -> None:
        """Give the devices back. Releasing twice is harmless."""
        while self._files:
            _, file = self._files.popitem()
            # Closing alone would leave the lock with processes that inherited it: they ended, or work on no GPU.
            fcntl.flock(file, fcntl.LOCK_UN)
            file.close()


def take(names: Sequence[str], count: int, folder: Path | None = None) -> Lease:
    """Lease `count` of the devices `names`; wait until that many are free, and log once that it waits.

    No device is held while waiting, so that two processes that want several do not wait for each other.

    Raises:
        ValueError: there are fewer devices than `count`.
    """
    if count > len(names):
        raise ValueError(f"{count} devices are asked for, allowed: at most the {len(names)} that there are")
    folder = folder or lease_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lease = _take_free(names, count, folder)
    if lease is not None:
        return lease
    owners = ", ".join(f"{name} (process {_path(folder, name).read_text().strip() or '?'})" for name in names)
    log.warning("waiting for %d of the GPUs %s", count, owners)
    with (folder / _WAITING).open("a") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_SH)
        while (lease := _take_free(names, count, folder)) is None:
            time.sleep(_PAUSE * random.uniform(1.0, 2.0))
    return lease


def _take_free(names: Sequence[str], count: int, folder: Path) -> Lease | None:
    files: dict[str, IO[str]] = {}
    for name in names:
        file = _path(folder, name).open("a")
        if not _lock(file):
            file.close()
            continue
        files[name] = file
        if len(files) == count:
            for held in files.values():
                held.truncate(0)
                held.write(f"{os.getpid()}\n")
                held.flush()
            return Lease(files, folder)
    Lease(files, folder).release()
    return None


def _path(folder: Path, name: str) -> Path:
    return folder / f"gpu-{urllib.parse.quote(name, safe='')}"


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
