"""One verification path's interpreter: a process that keeps its names, rebuilt by running its blocks again."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from genprm.sandbox.base import Execution, SandboxError
from genprm.sandbox.child import Child, Outcome
from genprm.settings import SandboxSettings

if TYPE_CHECKING:
    from genprm.sandbox.local import LocalSandbox

LONGEST_CODE = 4 * 2**20
"""Characters of one block."""

_FINISHED = ("ok", "error", "exit")


@dataclass(frozen=True, slots=True)
class _Finished:
    """A block that ran to its end, and a digest of how it ended and what it printed."""

    code: str
    digest: bytes


class LocalSession:
    """The interpreter state of one verification path."""

    def __init__(self, sandbox: LocalSandbox, settings: SandboxSettings) -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._child: Child | None = None
        self._finished: list[_Finished] = []
        self._used = False
        self._busy = False
        self._closed = False

    async def run(self, code: str) -> Execution:
        """Run one block. Never raises for what the code does.

        When the process of an earlier block is gone, those that finished (ok, error, exit) are run again first, in
        order, in a new one. The state is "replayed" if each of them ended and printed exactly as before; else it
        is "lost", and this block runs in an interpreter without names.

        Raises:
            SandboxError: the sandbox is closed or fails itself, or a block of this session is still running.
        """
        if not code.strip():
            return Execution("error", "Code format error: No code found.", 0.0)
        if len(code) > LONGEST_CODE:
            return Execution("error", f"Code execute Error: ValueError: code is longer than {LONGEST_CODE}", 0.0)
        if self._busy:
            raise SandboxError("a block of this session is still running")
        if self._closed:
            raise SandboxError("the session is closed")
        self._busy = True
        try:
            fresh = await self._ready()
            async with self._sandbox.slot():
                return await self._run(code, fresh)
        finally:
            self._busy = False

    async def _ready(self) -> bool:
        """See to it that there is a process; True when it is a new one."""
        self._sandbox.wake(self)
        if self._child is not None and not self._child.ended():
            return False
        self.drop()
        self._child = await self._sandbox.process()
        return True

    async def _run(self, code: str, fresh: bool) -> Execution:
        try:
            child = self._process()
            await child.start()
            state = await self._rebuild() if fresh and self._used else "kept"
            child = self._process()
            self._used = True
            began = time.monotonic()
            outcome = await child.run(code, self._settings.seconds)
            seconds = time.monotonic() - began
        except BaseException:
            # Cancelled, or the sandbox failed: nobody knows what the process is doing now.
            self.drop()
            raise
        self._remember(code, outcome)
        if child.alive:
            self._sandbox.rest(self)
        else:
            self.drop()
        return Execution(outcome.kind, shown(outcome, self._settings.seconds), seconds, state)

    def _process(self) -> Child:
        if self._child is None or self._closed:
            raise SandboxError("the session is closed")
        return self._child

    def _remember(self, code: str, outcome: Outcome) -> None:
        if outcome.kind in _FINISHED:
            self._finished.append(_Finished(code, _digest(outcome)))
        elif outcome.kind == "protocol_violation":
            # Some earlier block prepared this: none of them is to be trusted with another process.
            self._finished.clear()

    async def _rebuild(self) -> Literal["replayed", "lost"]:
        """Run the finished blocks again in the new process; if one differs, an untouched one takes its place."""
        for block in self._finished:
            outcome = await self._process().run(block.code, self._settings.seconds)
            if _digest(outcome) != block.digest:
                self._finished.clear()
                await self._exchange()
                return "lost"
        return "replayed" if self._finished else "lost"

    async def _exchange(self) -> None:
        """Put another process in the place of this one."""
        self._process().kill()
        child = await self._sandbox.replacement()
        if self._child is None:
            child.kill()
            raise SandboxError("the session is closed")
        self._child = child
        await child.start()

    def drop(self) -> None:
        """Kill the process, if there is one; the next block starts another."""
        if self._child is not None:
            self._child.kill()
            self._child = None
            self._sandbox.release(self)

    async def close(self) -> None:
        """Kill the session's process. Idempotent."""
        self._closed = True
        self.drop()

    def __del__(self) -> None:
        self.drop()


def _digest(outcome: Outcome) -> bytes:
    ending = f"{outcome.kind} {outcome.printed} {outcome.detail}\n".encode("utf-8", "surrogatepass")
    return hashlib.sha256(ending + outcome.output).digest()


def shown(outcome: Outcome, seconds: float) -> str:
    """What the model sees: what was printed, a mark where it was cut, the error line. `seconds` is the limit."""
    text = outcome.output.decode("utf-8", "replace")
    if outcome.printed > len(outcome.output):
        text += f"\n[output cut: {outcome.printed} bytes printed, the first {len(outcome.output)} shown]\n"
    line = _error_line(outcome, seconds)
    if line and text and not text.endswith("\n"):
        text += "\n"
    return text + line.encode("utf-8", "replace").decode()


def _error_line(outcome: Outcome, seconds: float) -> str:
    if outcome.kind == "error":
        return f"Code execute Error: {outcome.detail}"
    if outcome.kind in ("timeout", "killed_timeout"):
        return f"Code execute time out: {seconds:g} seconds"
    if outcome.kind == "killed_output":
        return "Code execute Error: OutputLimit: too much output"
    if outcome.kind == "died":
        return f"Code execute Error: ProcessDied: exit status {outcome.detail or 'unknown'}"
    if outcome.kind == "protocol_violation":
        return "Code execute Error: ProtocolViolation: the process broke the protocol"
    return ""
