"""What work costs in this process and all processes below it: wall time, processor time, memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 1.0
"""Time between two samples of the memory."""


@dataclass(slots=True)
class Usage:
    """`seconds` of wall time, `cpu_seconds` over all processes and cores, and `peak_mb` of memory, in which shared
    pages count once."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0


def speed_beside(tokens: int, usage: Usage, ceiling: Usage) -> dict[str, float]:
    """Cells of a table: the speed of work that took `usage`, beside the `ceiling` that the same work could take.

    >>> speed_beside(300, Usage(2.0, 3.0), Usage(1.0, 1.5))["of ceiling %"]
    50.0
    """
    return {
        "tokens/s": tokens / usage.seconds,
        "of ceiling %": 100 * ceiling.seconds / usage.seconds,
        "CPU s": usage.cpu_seconds,
        "of ceiling's CPU %": 100 * ceiling.cpu_seconds / usage.cpu_seconds,
    }


@contextmanager
def measured() -> Iterator[Usage]:
    """The usage of the block, filled in when it ends.

    The processor time of a process that one of ours started and reaped within the block counts. That of a process
    that ended and was reaped by none of ours does not.
    """
    usage = Usage()
    ended = threading.Event()
    looker = threading.Thread(target=_look, args=(usage, ended), name="genprm-usage", daemon=True)
    looker.start()
    begin, used = time.perf_counter(), cpu_seconds()
    try:
        yield usage
    finally:
        usage.seconds = time.perf_counter() - begin
        usage.cpu_seconds = cpu_seconds() - used
        ended.set()
        looker.join()


def _look(usage: Usage, ended: threading.Event) -> None:
    while True:
        usage.peak_mb = max(usage.peak_mb, _memory_mb())
        if ended.wait(SAMPLE_SECONDS):
            return


def _processes() -> list[psutil.Process]:
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def cpu_seconds() -> float:
    """Processor time of this process, of all processes below it, and of those that they have reaped."""
    total = 0.0
    for process in _processes():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:  # it has ended since it was listed
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _memory_mb() -> float:
    total = 0
    for process in _processes():
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended, or is of the sandbox's own user
            continue
    return total / 2**20
