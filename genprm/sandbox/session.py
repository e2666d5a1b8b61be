"""One verification path's interpreter: a process that keeps its names, rebuilt by running its blocks again."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Literal, Protocol

from genprm.sandbox.base import Execution, SandboxError, ZygoteGoneError
from genprm.sandbox.child import BlockOptions, Child, Outcome

LONGEST_CODE = 4 * 2**20
"""Characters of one block."""

TRIES = 3
"""How many times a block is tried when the zygote dies while it runs."""

_FINISHED = ("ok", "error", "exit")
_ENDINGS = {
    "error": "Code execute Error: {}",
    "exit": "{}",
    "timeout": "Code execute time out: {}",
    "killed_timeout": "Code execute time out: {}",
    "killed_output": "Code execute Error: OutputLimit: too much output",
    "died": "Code execute Error: ProcessDied: exit status {}",
    "protocol_violation": "Code execute Error: ProtocolViolation: the code wrote to the interpreter's own "
    "descriptors",
}
"""The line that the model sees, with the detail of the outcome, where a block did not end normally."""


class ProcessSource(Protocol):
    """Where sessions get their processes, of which a limited number may live at a time: a `LocalSandbox`
    (`genprm.sandbox.local`), which says what each of these does."""

    def slot(self) -> asyncio.Semaphore: ...
    async def process(self) -> Child: ...
    async def replacement(self) -> Child: ...
    def rest(self, session: LocalSession) -> None: ...
    def wake(self, session: LocalSession) -> None: ...
    def release(self, session: LocalSession) -> None: ...


@dataclass(frozen=True, slots=True)
class _Finished:
    """A block that ran to its end, and a digest of how it ended and what it printed."""

    code: str
    digest: bytes


class LocalSession:
    """The interpreter state of one verification path."""

    def __init__(self, source: ProcessSource, options: BlockOptions) -> None:
        self._source = source
        self._options = options
        self._child: Child | None = None
        self._finished: list[_Finished] = []
        self._used = False
        self._busy = False
        self._closed = False

    async def run(self, code: str) -> Execution:
        """Run one block. Never raises for what the code does.

        When the process of the earlier blocks is gone, those blocks that finished (ok, error, exit) are first run
        again, in order, in a new process. The state is "replayed" if each of them ended and printed exactly as
        before; else it is "lost", and this block runs in an interpreter without names. When the zygote dies
        meanwhile, all of this is tried again with another zygote, `TRIES` times in all.

        Raises:
            SandboxError: the sandbox is closed or fails itself, or a block of this session is still running.
        """
        if not code.strip():
            return Execution("error", "Code format error: No code found.", 0.0)
        if len(code) > LONGEST_CODE:
            return Execution("error", f"Code execute Error: ValueError: code is longer than {LONGEST_CODE}", 0.0)
        if self._busy:
            raise SandboxError("a block of this session is still running")
        self._busy = True
        try:
            for _ in range(TRIES - 1):
                try:
                    return await self._run(code)
                except ZygoteGoneError:
                    continue
            return await self._run(code)
        finally:
            self._busy = False

    async def _run(self, code: str) -> Execution:
        if self._closed:
            raise SandboxError("the session is closed")
        fresh = await self._ready()
        async with self._source.slot():
            try:
                execution = await self._execute(code, fresh)
            except ZygoteGoneError:
                self.drop()  # the block counts as not begun
                raise
            except BaseException:
                # Cancelled, or the sandbox failed: nobody knows what the process is doing now.
                self._used = True
                self.drop()
                raise
            self._used = True
            if self._child is not None and self._child.alive:
                self._source.rest(self)
            else:
                self.drop()
            return execution

    async def _ready(self) -> bool:
        """Make sure that there is a process; return whether it is a new one."""
        self._source.wake(self)
        if self._child is not None and not self._child.ended():
            return False
        self.drop()
        self._child = await self._source.process()
        return True

    async def _execute(self, code: str, fresh: bool) -> Execution:
        await self._process().start()
        state = await self._rebuild() if fresh and self._used else "kept"
        began = time.monotonic()
        outcome = await self._process().run(code, self._options)
        seconds = time.monotonic() - began
        self._remember(code, outcome)
        return Execution(outcome.kind, shown(outcome), seconds, state, ending(outcome))

    def _process(self) -> Child:
        if self._child is None or self._closed:
            raise SandboxError("the session is closed")
        return self._child

    def _remember(self, code: str, outcome: Outcome) -> None:
        if outcome.kind in _FINISHED:
            self._finished.append(_Finished(code, _digest(outcome)))
        elif outcome.kind == "protocol_violation":
            # An earlier block prepared this, so none of them is run again in another process.
            self._finished.clear()

    async def _rebuild(self) -> Literal["replayed", "lost"]:
        """Run the finished blocks again in the new process; if one ends differently, replace that process, too."""
        for block in self._finished:
            outcome = await self._process().run(block.code, self._options)
            if _digest(outcome) != block.digest:
                self._finished.clear()
                await self._exchange()
                return "lost"
        return "replayed" if self._finished else "lost"

    async def _exchange(self) -> None:
        """Replace the process by another one."""
        self._process().kill()
        child = await self._source.replacement()
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
            self._source.release(self)

    async def close(self) -> None:
        """Kill the session's process. Idempotent."""
        self._closed = True
        self.drop()

    def __del__(self) -> None:
        self.drop()


def _digest(outcome: Outcome) -> bytes:
    ending = f"{outcome.kind} {outcome.printed} {outcome.detail}\n".encode("utf-8", "surrogatepass")
    return hashlib.sha256(ending + outcome.output).digest()


def shown(outcome: Outcome) -> str:
    """What the model sees: what was printed, a mark where it was cut, a line on how the block ended."""
    text = outcome.output.decode("utf-8", "replace")
    if outcome.printed > len(outcome.output):
        text += f"\n[output cut: {outcome.printed} bytes printed, the first {len(outcome.output)} shown]\n"
    line = ending(outcome)
    if line and text and not text.endswith("\n"):
        text += "\n"
    return text + line


def ending(outcome: Outcome) -> str:
    """The line on how a block ended; empty where it ended normally."""
    return _ENDINGS.get(outcome.kind, "").format(outcome.detail).encode("utf-8", "replace").decode()
