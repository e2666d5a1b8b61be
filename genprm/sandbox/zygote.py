"""The supervisor's end of the zygote: starts it when first needed, asks it for sessions, stops it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from genprm.sandbox.base import SandboxError
from genprm.sandbox.child import Child
from genprm.settings import SandboxSettings

PRELOADED = ("sympy", "numpy")

_INSIDE = Path(__file__).parent / "inside"
_BOOT = """
import importlib.util, sys
path, control, parent, memory_mb, confine, *preload = sys.argv[1:]
spec = importlib.util.spec_from_file_location("inside", path + "/__init__.py", submodule_search_locations=[path])
sys.modules["inside"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["inside"])
import inside.zygote
inside.zygote.main(int(control), int(parent), int(memory_mb), confine == "True", preload)
"""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_STOP_SECONDS = 5.0


class Zygote:
    """A helper process with the libraries loaded that forks sessions on request."""

    def __init__(self, settings: SandboxSettings, confine: bool) -> None:
        self._settings = settings
        self._confine = confine
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def fork(self) -> Child:
        """Ask for a new session; `Child.start` waits for it.

        Raises:
            SandboxError: the zygote cannot be started.
        """
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        try:
            with self._lock:
                control = self._running()
                socket.send_fds(control, [b"fork"], [theirs.fileno(), write_end])
        except OSError as error:
            ours.close()
            os.close(read_end)
            raise SandboxError(f"sandbox: no session can be started: {error}") from error
        finally:
            theirs.close()
            os.close(write_end)
        return Child(ours, read_end, self._settings.output_bytes)

    def _running(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                arguments = [str(_INSIDE), str(theirs.fileno()), str(os.getpid())]
                arguments += [str(self._settings.memory_mb), str(self._confine), *PRELOADED]
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _BOOT, *arguments],
                    env=_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    cwd="/",
                )
            except OSError:
                ours.close()
                raise
            finally:
                theirs.close()
            self._control = ours
        return self._control

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._control = self._process = None

    def stop(self) -> None:
        """End the zygote; the kernel kills the sessions it still has. Idempotent."""
        with self._lock:
            self._stop()
