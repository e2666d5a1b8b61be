"""Processes that end when the process that started them ends, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def die_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to signal this process when its parent, the process with the id `parent`, ends. Exit at once
    if the parent has already ended."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        sys.exit(f"process {parent}, which started this one, has already ended")


def dying_with_us(command: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` under a guard. When this process ends, the guard kills itself,
    the command and all that the command started. Start it as the leader of a session; a signal to its process
    group is meant for the command."""
    return [sys.executable, "-m", __name__, str(os.getpid()), *command]


def _guard(parent: int, command: Sequence[str]) -> int:
    """Run a command to its end, or until `parent` ends. Return its exit status."""
    signal.signal(signal.SIGUSR1, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.signal(signal.SIGTERM, lambda *_: None)  # the command would inherit SIG_IGN
    die_with(parent, signal.SIGUSR1)
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(_guard(int(sys.argv[1]), sys.argv[2:]))
