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
"""Sessions that may have a process at a time. A further one waits until another is closed; after `PATIENCE_SECONDS`
the one idle for longest is given up (its state is lost, and its next block says so)."""

PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.01

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
        self._live = 0
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

    async def _room(self) -> None:
        """Take a place among the live sessions, waiting for one if need be."""
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while self._live >= LIVE_SESSIONS and not self._closed:
            if self._idle and time.monotonic() > patient_until:
                next(iter(self._idle))._drop()
            else:
                await asyncio.sleep(_LOOK_SECONDS)
        if self._closed:
            raise SandboxError("the sandbox is closed")
        self._live += 1

    def _forget(self, session: LocalSession) -> None:
        self._live -= 1
        self._idle.pop(session, None)

    async def close(self) -> None:
        """Kill every session and the zygote. Idempotent."""
        self._closed = True
        for session in list(self._sessions):
            session._drop()
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
            lost = await self._ready()
            async with self._sandbox._slot():
                return await self._run(code, lost)
        finally:
            self._busy = False

    async def _ready(self) -> bool:
        """See to it that there is a process; True when an earlier one, and its state, are gone."""
        self._sandbox._idle.pop(self, None)
        if self._child is not None and not self._child.ended():
            return False
        self._drop()
        await self._sandbox._room()
        try:
            self._child = self._sandbox._zygote.fork()
        except SandboxError:
            self._sandbox._forget(self)
            raise
        return self._used

    async def _run(self, code: str, lost: bool) -> Execution:
        child = self._child
        if child is None:
            raise SandboxError("the session is closed")
        try:
            await child.start()
            self._used = True
            began = time.monotonic()
            outcome = await child.run(code, self._settings.seconds)
            seconds = time.monotonic() - began
        except BaseException:
            # Cancelled, or the sandbox failed: nobody knows what the process is doing now.
            self._drop()
            raise
        if child.alive:
            self._sandbox._idle[self] = None
        else:
            self._drop()
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
            self._child = None
            self._sandbox._forget(self)

    async def close(self) -> None:
        """Kill the session's process. Idempotent."""
        self._closed = True
        self._drop()

    def __del__(self) -> None:
        self._drop()
