"""The session itself: runs blocks one after another, as if they were one script, and says how each ended."""

from __future__ import annotations

import ast
import builtins
import sys
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from os import dup2
from sys import setprofile, settrace
from types import CodeType, ModuleType
from typing import Any

from . import frames
from .clock import Clock, TimeLimit
from .sources import FILE, Sources

MOST_DIGITS = 300_000
"""Digits of an integer as text; Python's own limit of 4,300 is for servers. This many take 2 seconds of CPU
time."""

_LONGEST_MESSAGE = 4000

_REASONS = {
    "can't start new thread": "code runs in one thread here",
    "No usable temporary directory": "no file can be written here",
    "Operation not permitted": "not allowed here: other processes, network, other users",
    "Permission denied": "not allowed here: files other than those of Python and its libraries",
}
"""Why the sandbox refuses something, by a text in the message of the system's error."""

# What a block does to the built-in names must not change what is done here.
globals()["__builtins__"] = dict(vars(builtins))


class Interpreter:
    """One namespace that blocks run in, the one of `__main__`. What they print goes to the descriptor `output`."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._clock = Clock()
        self._sources = Sources()
        main = ModuleType("__main__")
        self._namespace: dict[str, Any] = vars(main)
        self._namespace["__builtins__"] = builtins
        sys.modules["__main__"] = main
        sys.argv = [""]
        sys.set_int_max_str_digits(MOST_DIGITS)

    def run(self, request: dict[str, Any]) -> tuple[str, str]:
        """Run the block `request` (`frames` has its fields); return how it ended, and the line that says more."""
        stdout = sys.stdout = self._fresh_output()
        sys.stdin = TextIOWrapper(BufferedReader(FileIO(0, "r", closefd=False)), encoding="utf-8")
        if request["show_stderr"]:
            sys.stderr = stdout
        limits = request["seconds"], request["import_seconds"], request["wall_seconds"]
        ending = self._execute(request["code"], request["echo_last"], limits)
        # A script may close its own output; what reached the descriptor counts.
        try:  # noqa: SIM105  (contextlib is code of a library, which may have been patched)
            stdout.flush()
        except (OSError, ValueError):
            pass
        return ending

    def _fresh_output(self) -> TextIOWrapper:
        dup2(self._output, 1)
        return TextIOWrapper(BufferedWriter(FileIO(1, "w", closefd=False), 2**16), "utf-8", newline="")

    def _execute(self, code: str, echo_last: bool, limits: tuple[float, float, float]) -> tuple[str, str]:
        ending = "ok", ""
        try:
            try:
                self._clock.start(*limits)
                parts = _parts(code, echo_last)
                self._sources.add(code, parts[0])
                for part in parts:
                    exec(part, self._namespace)
            finally:
                # A block's own trace functions end with it; a profile function sees this call, and may raise.
                try:  # noqa: SIM105
                    setprofile(None)
                except BaseException:
                    pass
                settrace(None)
                self._clock.stop()
        except TimeLimit as error:
            ending = ("timeout", self._clock.reached) if self._clock.reached else ("error", _describe(error))
        except SystemExit as error:
            ending = "exit", _exit_message(error)
        except BaseException as error:  # whatever a script raises is its result
            ending = "error", _describe(error)
        if self._clock.reached and ending[0] != "timeout":
            return "timeout", f"{self._clock.reached} (the block caught the limit and went on)"
        return ending


def _parts(code: str, echo_last: bool) -> list[CodeType]:
    """The block as code to execute; with `echo_last` an expression at its end is shown as at Python's prompt."""
    if not echo_last:
        return [compile(code, FILE, "exec", dont_inherit=True)]
    tree: Any = compile(code, FILE, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    last = [tree.body.pop()] if tree.body and isinstance(tree.body[-1], ast.Expr) else []
    parts = [compile(tree, FILE, "exec", dont_inherit=True)]
    return parts + [compile(ast.Interactive([one]), FILE, "single", dont_inherit=True) for one in last]


def _describe(error: BaseException) -> str:
    message = _text(error)
    refused = isinstance(error, OSError | RuntimeError)
    reason = next((why for refusal, why in _REASONS.items() if refused and refusal in message), "")
    return f"{type(error).__name__}: {message[:_LONGEST_MESSAGE]}" + (f" ({reason})" if reason else "")


def _exit_message(error: SystemExit) -> str:
    """What a script says when it exits: its exit code unless that is a number, as in Python."""
    code = error.code
    return "" if code is None or isinstance(code, int) else _text(code)[:_LONGEST_MESSAGE]


def _text(value: object) -> str:
    try:
        return str(value)
    except BaseException as failure:  # a script's own exception may fail to print in any way it likes
        return f"<message unprintable: {type(failure).__name__}>"


def rehearse(output: int) -> Interpreter:
    """Make an interpreter and run a block without effect in it, so that the memory which a first block copies from
    the zygote is copied before the first real block."""
    interpreter = Interpreter(output)
    limits = {"seconds": 1.0, "import_seconds": 1.0, "wall_seconds": 10.0}
    interpreter.run({"code": "x = [1]\nx = f'{x}'\ndel x", "echo_last": False, "show_stderr": False, **limits})
    frames.rehearse()
    return interpreter


def serve(control: int, interpreter: Interpreter) -> None:
    """Answer every request on `control` with `{nonce, status, error}` until it closes.

    What blocks print reaches the output, at the level of its descriptor, before the answer is sent.
    """
    while True:
        try:
            request = frames.receive(control)
        except EOFError:
            return
        status, error = interpreter.run(request)
        frames.answer(control, nonce=request["nonce"], status=status, error=error)
