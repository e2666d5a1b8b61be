"""Sessions on this machine: one forked, locked-down process per session, watched by the caller's event loop."""

from __future__ import annotations

import asyncio
import time
import warnings
import weakref
from collections import OrderedDict

from genprm.sandbox import probe
from genprm.sandbox.base import Execution, SandboxError
from genprm.sandbox.child import Child, Outcome
from genprm.sandbox.zygote import Zygote
from genprm.settings import SandboxSettings

LIVE_SESSIONS = 256
"""Processes kept between blocks; past that the one idle for longest is given up (its session's state is lost)."""

LONGEST_CODE = 4 * 2**20
"""Characters of one block."""


class LocalSandbox:
    """Level 2 (Landlock, system call filter, limits) or, on request alone, level 3 (limits only).

    Raises:
        SandboxError: a primitive that the level rests on is missing.
    """

    def __init__(self, settings: SandboxSettings, level: int) -> None:
        if level == 2:
            probe.require_confinement()
        else:
            warnings.warn(
                "sandbox level 3: model-written code can read files and open connections as this user", stacklevel=2
            )
        self._settings = settings
        self._level = level
        self._zygote = Zygote(settings, confine=level == 2)
        self._closed = False
        self._sessions: weakref.WeakSet[LocalSession] = weakref.WeakSet()
        self._idle: OrderedDict[LocalSession, None] = OrderedDict()
        self._workers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def level(self) -> int:
        """The isolation level of every session."""
        return self._level

    def session(self) -> LocalSession:
        """A new session; its process starts with its first block."""
        session = LocalSession(self, self._settings)
        self._sessions.add(session)
        return session

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        return self._workers.setdefault(loop, asyncio.Semaphore(self._settings.workers))

    def _fork(self) -> Child:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        while len(self._idle) >= LIVE_SESSIONS:
            session, _ = self._idle.popitem(last=False)
            session._drop()
        return self._zygote.fork()

    async def close(self) -> None:
        """Kill every session and the zygote. Idempotent."""
        self._closed = True
        for session in list(self._sessions):
            session._drop()
        self._idle.clear()
        await asyncio.to_thread(self._zygote.stop)


class LocalSession:
    """The interpreter state of one verification path."""

    def __init__(self, sandbox: LocalSandbox, settings: SandboxSettings) -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._child: Child | None = None
        self._used = False
        self._busy = False
        self._closed = False

    async def run(self, code: str) -> Execution:
        """Run one block. Never raises for what the code does.

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
            async with self._sandbox._slot():
                return await self._run(code)
        finally:
            self._busy = False

    async def _run(self, code: str) -> Execution:
        self._sandbox._idle.pop(self, None)
        child, lost = self._child, False
        if child is None or child.ended():
            lost = self._used
            child = self._child = self._sandbox._fork()
            try:
                await child.start()
            except BaseException:
                # Cancelled or refused: a process that never got ready is of no use to anyone.
                child.kill()
                raise
        self._used = True
        began = time.monotonic()
        outcome = await child.run(code, self._settings.seconds)
        seconds = time.monotonic() - began
        if child.alive:
            self._sandbox._idle[self] = None
        return Execution(outcome.kind, self._shown(outcome), seconds, "lost" if lost else "kept")

    def _shown(self, outcome: Outcome) -> str:
        """What the model sees: what was printed, a mark where it was cut, and the error line."""
        text = outcome.output.decode("utf-8", "replace")
        if outcome.printed > len(outcome.output):
            text += f"\n[output cut: {outcome.printed} bytes printed, the first {len(outcome.output)} shown]\n"
        line = self._error_line(outcome)
        if line and text and not text.endswith("\n"):
            text += "\n"
        return text + line.encode("utf-8", "replace").decode()

    def _error_line(self, outcome: Outcome) -> str:
        if outcome.kind == "error":
            return f"Code execute Error: {outcome.detail}"
        if outcome.kind in ("timeout", "killed_timeout"):
            return f"Code execute time out: {self._settings.seconds:g} seconds"
        if outcome.kind == "killed_output":
            return "Code execute Error: OutputLimit: too much output"
        if outcome.kind == "died":
            return f"Code execute Error: ProcessDied: exit status {outcome.detail or 'unknown'}"
        if outcome.kind == "protocol_violation":
            return "Code execute Error: ProtocolViolation: the process broke the protocol"
        return ""

    def _drop(self) -> None:
        if self._child is not None:
            self._child.kill()

    async def close(self) -> None:
        """Kill the session's process. Idempotent."""
        self._closed = True
        self._sandbox._idle.pop(self, None)
        self._drop()

    def __del__(self) -> None:
        self._drop()
