"""The session itself: runs blocks one after another in one namespace and says how each ended."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from types import FrameType
from typing import Any

from . import frames

_LONGEST_MESSAGE = 4000


class TimeLimit(BaseException):
    """The soft limit of a block: not an Exception, so that `except Exception` in a script lets it pass."""


def _alarm(number: int, frame: FrameType | None) -> None:
    raise TimeLimit


def _describe(error: BaseException) -> str:
    try:
        message = str(error)
    except BaseException as failure:  # a script's own exception may fail to print in any way it likes
        message = f"<message unprintable: {type(failure).__name__}>"
    return f"{type(error).__name__}: {message[:_LONGEST_MESSAGE]}"


def _run(code: str, seconds: float, namespace: dict[str, Any]) -> tuple[str, str]:
    try:
        try:
            signal.signal(signal.SIGALRM, _alarm)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            exec(compile(code, "<string>", "exec"), namespace)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
    except TimeLimit:
        return "timeout", ""
    except SystemExit:
        return "exit", ""
    except BaseException as error:  # whatever a script raises is its result
        return "error", _describe(error)
    return "ok", ""


def _fresh_output(descriptor: int) -> io.TextIOWrapper:
    os.dup2(descriptor, 1)
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False), 2**16), "utf-8", newline="")


def rehearse(output: int) -> None:
    """Run a block that does nothing: what the first one copies of the zygote's memory is copied ahead of it."""
    _run("x = [1]\nx = f'{x}'", 1.0, {"__name__": "__main__", "__builtins__": __builtins__})
    frames.pack({"nonce": "", "status": "ok", "error": ""})
    json.loads('{"code": "", "seconds": 1.0}')
    _fresh_output(output)


def serve(control: int, output: int) -> None:
    """Answer every request `{nonce, code, seconds}` on `control` with `{nonce, status, error}` until it closes.

    What blocks print goes to `output`, at the level of descriptor 1, before the answer is sent.
    """
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    while True:
        try:
            request = frames.receive(control)
        except EOFError:
            return
        stdout = sys.stdout = _fresh_output(output)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8")
        status, error = _run(request["code"], request["seconds"], namespace)
        # A script may close its own output; what reached the descriptor counts.
        with contextlib.suppress(OSError, ValueError):
            stdout.flush()
        frames.send(control, {"nonce": request["nonce"], "status": status, "error": error})
