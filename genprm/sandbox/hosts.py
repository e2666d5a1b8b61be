"""Where a zygote runs: here in a process of its own, or wherever else a host can start one.

A host needs to do one thing: start `inside.zygote.main` somewhere and hand back the supervisor's end of its control
socket. The protocol on that socket is the same everywhere (`genprm.sandbox.inside.zygote`).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from genprm.settings import SandboxSettings

INSIDE = Path(__file__).parent / "inside"
"""The directory that must be readable where the zygote starts; its modules need only the standard library."""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""The whole environment of a zygote, and so of every session."""

_BOOT = """
import importlib.util, sys
path, module, function, *arguments = sys.argv[1:]
spec = importlib.util.spec_from_file_location("inside", path + "/__init__.py", submodule_search_locations=[path])
sys.modules["inside"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["inside"])
import importlib
getattr(importlib.import_module("inside." + module), function)(*arguments)
"""
_STOP_SECONDS = 5.0
_MESSAGE_BYTES = 2000


class RunningZygote(Protocol):
    """A zygote that was started."""

    @property
    def control(self) -> socket.socket:
        """The supervisor's end of the connected control socket (sequenced packets)."""

    def problem(self) -> str | None:
        """Why the zygote ended; None while it runs."""

    def stop(self) -> None:
        """Close the control socket and leave no process. Idempotent."""


class ZygoteHost(Protocol):
    """Somewhere that zygotes can be started."""

    @property
    def level(self) -> int:
        """The isolation level of the sessions."""

    def start(self, settings: SandboxSettings) -> RunningZygote:
        """Start a zygote; returns at once or when it is connected, not when its libraries are loaded.

        Raises:
            OSError, SandboxError: it cannot be started; the message says why.
        """


def hung_up(control: socket.socket) -> bool:
    """Whether a zygote is gone. (It sends nothing after its greeting.)"""
    try:
        return not control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def zygote_arguments(python: str, inside: str, address: str, settings: SandboxSettings, level: int) -> list[str]:
    """The command line of a zygote: `inside` is the path of `INSIDE` where it runs, `address` an inherited
    descriptor or the path of a listening socket, `level` the isolation level of its sessions."""
    order = {
        "level": level,
        "memory_mb": settings.memory_mb,
        "scratch_mb": settings.scratch_mb,
        "scratch_files": settings.scratch_files,
        "preload": settings.preload,
    }
    return call_inside(python, inside, "zygote", "main", address, json.dumps(order))


def call_inside(python: str, inside: str, module: str, function: str, *arguments: str) -> list[str]:
    """The command line that calls one function of a module of `INSIDE` in an isolated interpreter."""
    # Not -I, which would ignore ENVIRONMENT, and with it the hash seed that every zygote has in common.
    return [python, "-s", "-P", "-c", _BOOT, inside, module, function, *arguments]


class ProcessHost:
    """Zygotes as plain child processes (level 2; 3 and 0 when asked for)."""

    def __init__(self, level: int) -> None:
        self.level = level

    def start(self, settings: SandboxSettings) -> ZygoteProcess:
        """Start a zygote on this machine that shares the supervisor's view of the file system and its network."""
        return ZygoteProcess(
            lambda address: zygote_arguments(sys.executable, str(INSIDE), address, settings, self.level)
        )


class ZygoteProcess:
    """A zygote that is a child process, or the only child of one. `command` makes its command line from the address
    of the control socket."""

    def __init__(self, command: Callable[[str], list[str]]) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        try:
            self._process = subprocess.Popen(
                command(str(theirs.fileno())),
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd="/",
            )
        except OSError:
            self.control.close()
            self._said.close()
            raise
        finally:
            theirs.close()

    def problem(self) -> str | None:
        """Exit status and last words; None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - _MESSAGE_BYTES))
        words = self._said.read().decode("utf-8", "replace").strip()
        return f"it ended with status {status}" + (f": {words.splitlines()[-1]}" if words else "")

    def stop(self) -> None:
        """End the zygote; the kernel kills the sessions it still has. Idempotent."""
        self.control.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()
