"""Processes that end with the one that started them, however that ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def die_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to signal this process when the one that started it, of the id `parent`, ends; this one exits
    where that has happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        sys.exit(f"process {parent}, which started this one, has already ended")


def dying_with_us(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` with a guard above it, which kills both and all that the command started
    when this process ends. To be started as the leader of a session; a signal to its group is for the command."""
    return [sys.executable, "-m", __name__, str(os.getpid()), *command]


def _guard(parent: int, command: Sequence[str]) -> int:
    """Run a command to its end, or until `parent` ends; its status."""
    signal.signal(signal.SIGUSR1, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.signal(signal.SIGTERM, lambda *_: None)  # ignored it would be ignored by the command, too
    die_with(parent, signal.SIGUSR1)
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(_guard(int(sys.argv[1]), sys.argv[2:]))
