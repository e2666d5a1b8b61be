"""A source of sessions: the zygote, and a limited number of places for live sessions."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import OrderedDict

from genprm.event_loops import Places
from genprm.sandbox.base import SandboxError
from genprm.sandbox.child import BlockOptions, Child
from genprm.sandbox.hosts import ZygoteHost
from genprm.sandbox.session import LocalSession
from genprm.sandbox.zygote import Zygote
from genprm.settings import SandboxSettings

LIVE_SESSIONS = 256
"""Sessions that may have a process at a time. When a further session needs a process, the one idle for longest
gives up its process (its next block rebuilds it, and says so): at once if all are idle; after `PATIENCE_SECONDS` if
some run, because these may soon be closed."""

PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.01


class LocalSandbox:
    """Sessions at the level of the host that their zygote runs on."""

    def __init__(self, settings: SandboxSettings, host: ZygoteHost) -> None:
        self._settings = settings
        self._host = host
        self._zygote = Zygote(settings, host)
        self._closed = False
        self._sessions: weakref.WeakSet[LocalSession] = weakref.WeakSet()
        self._live = 0
        self._idle: OrderedDict[LocalSession, None] = OrderedDict()
        self._workers = Places(settings.workers)

    @property
    def level(self) -> int:
        """The isolation level of every session."""
        return self._host.level

    def session(self) -> LocalSession:
        """A new session; its process starts with its first block."""
        session = LocalSession(self, BlockOptions.of(self._settings))
        self._sessions.add(session)
        return session

    def description(self) -> dict[str, object]:
        """Level, limits, versions of Python and the loaded libraries, and the image of the container if there is
        one; starts the zygote to learn the versions.

        Raises:
            SandboxError: the zygote cannot be started.
        """
        self._zygote.start()
        named = ("seconds", "import_seconds", "wall_factor", "memory_mb", "output_bytes", "workers")
        limits: dict[str, object] = {name: getattr(self._settings, name) for name in named}
        limits |= {name: True for name in ("echo_last", "show_stderr") if getattr(self._settings, name)}
        if self.level == 1:
            limits |= {"scratch_mb": self._settings.scratch_mb, "scratch_files": self._settings.scratch_files}
        if self._settings.docker is not None:
            limits["docker"] = self._settings.docker
        return {"level": self.level, **limits, "versions": self._zygote.versions}

    def slot(self) -> asyncio.Semaphore:
        """The semaphore that a session holds while it runs a block: `workers` at a time on each event loop."""
        return self._workers.here()

    async def process(self) -> Child:
        """A process for a session, once there is a place for one; `release` gives the place back.

        Raises:
            SandboxError: the sandbox is closed, or no process can be started.
        """
        await self._room()
        try:
            return await self.replacement()
        except BaseException:
            self._live -= 1
            raise

    async def replacement(self) -> Child:
        """Another process for a session that has a place already."""
        if not self._zygote.running():
            await asyncio.to_thread(self._zygote.start)
        if self._closed:
            raise SandboxError("the sandbox is closed")
        return self._zygote.session()

    async def _room(self) -> None:
        """Take a place among the live sessions, waiting for one if need be."""
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while self._live >= LIVE_SESSIONS and not self._closed:
            if self._idle and (len(self._idle) == self._live or time.monotonic() > patient_until):
                next(iter(self._idle)).drop()
            else:
                await asyncio.sleep(_LOOK_SECONDS)
        if self._closed:
            raise SandboxError("the sandbox is closed")
        self._live += 1

    def rest(self, session: LocalSession) -> None:
        """Note that the session has a process and nothing to run: its place may be given to another."""
        self._idle[session] = None

    def wake(self, session: LocalSession) -> None:
        """Note that the session is about to use its process."""
        self._idle.pop(session, None)

    def release(self, session: LocalSession) -> None:
        """Note that the session has no process any more."""
        self._live -= 1
        self._idle.pop(session, None)

    async def close(self) -> None:
        """Kill every session and the zygote. Idempotent."""
        self._closed = True
        for session in list(self._sessions):
            session.drop()
        await asyncio.to_thread(self._zygote.stop)
