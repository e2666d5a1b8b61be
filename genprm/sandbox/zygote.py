"""The supervisor's end of the zygote: starts it when first needed, keeps sessions forked ahead, stops it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import threading
import warnings

from genprm.sandbox import selftest
from genprm.sandbox.base import SandboxError, ZygoteGoneError
from genprm.sandbox.child import Child
from genprm.sandbox.hosts import RunningZygote, ZygoteHost, hung_up
from genprm.settings import SandboxSettings

_START_SECONDS = 60.0
_LONGEST_GREETING = 4096


class Zygote:
    """A process with the libraries loaded that forks sessions on request. Safe to use from several threads."""

    def __init__(self, settings: SandboxSettings, host: ZygoteHost) -> None:
        self._settings = settings
        self._host = host
        self._lock = threading.Lock()
        self._running: RunningZygote | None = None
        self._handle = -1
        self._ahead: list[Child] = []
        self.versions: dict[str, str] = {}
        """Versions of Python and the libraries in the zygote, once it has started."""

    def running(self) -> bool:
        """Whether there is a zygote that has not ended."""
        running = self._running
        return running is not None and running.problem() is None and not hung_up(running.control)

    def start(self) -> None:
        """Make sure that a zygote runs whose sessions passed the self-test. Takes a second: not for an event loop.

        Raises:
            SandboxError: the zygote cannot be started, or isolation has a hole.
        """
        with self._lock:
            if self.running():
                return
            if self._running is not None:
                reason = _problem(self._running)
                warnings.warn(f"the sandbox is started again, its zygote is gone: {reason}", stacklevel=2)
            self._stop()
            try:
                self._running = self._host.start(self._settings)
                self._greet(self._running)
                asyncio.run(self._prove())
                for _ in range(2 * self._settings.workers):
                    self._ahead.append(self._ask(b"ahead"))
            except (OSError, SandboxError) as error:
                self._stop()
                raise SandboxError(f"sandbox level {self._host.level}: {error}") from error

    def _greet(self, running: RunningZygote) -> None:
        """Tell the zygote whom it serves, and wait until its libraries are loaded."""
        supervisor = os.pidfd_open(os.getpid())
        try:
            socket.send_fds(running.control, [b"supervisor"], [supervisor])
        except OSError:
            pass  # it is gone already: the wait below ends at once, and says why
        finally:
            os.close(supervisor)
        # Not `select`, which only knows 1024 descriptors: a few hundred sessions hold as many.
        poll = select.poll()
        poll.register(running.control, select.POLLIN)
        if not poll.poll(1000 * _START_SECONDS):
            raise SandboxError(f"the zygote did not answer within {_START_SECONDS:g} s")
        try:
            greeting, handles, _, _ = socket.recv_fds(running.control, _LONGEST_GREETING, 1)
        except ConnectionError:
            greeting, handles = b"", []
        if not greeting:
            raise SandboxError(f"the zygote did not start: {_problem(running)}")
        self._handle = handles[0]
        self.versions = json.loads(greeting)

    async def _prove(self) -> None:
        child = self._ask(b"fork")
        try:
            await selftest.require(child, self._host.level, self._settings)
        finally:
            child.kill()

    def session(self) -> Child:
        """A session process, forked ahead if one is ready; `Child.start` waits for it. Call `start` before.

        Raises:
            SandboxError: the zygote was not started, or was stopped.
            ZygoteGoneError: the zygote is gone.
        """
        with self._lock:
            if self._running is None:
                raise SandboxError("no session can be started: the sandbox is closed")
            try:
                return self._take_ahead() or self._ask(b"fork")
            except OSError as error:
                raise ZygoteGoneError(f"no session can be started: {error}") from error

    def _take_ahead(self) -> Child | None:
        for index, child in enumerate(self._ahead):
            try:
                usable = child.greeted()
            except SandboxError:
                child.kill()  # the next session that is asked for says why it failed
                usable = True
            if usable:
                self._ahead[index] = self._ask(b"ahead")
                if not child.ended():
                    return child
        return None

    def _ask(self, what: bytes) -> Child:
        assert self._running is not None
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        try:
            socket.send_fds(self._running.control, [what], [theirs.fileno(), write_end])
        except OSError:
            ours.close()
            os.close(read_end)
            raise
        finally:
            theirs.close()
            os.close(write_end)
        return Child(ours, read_end, self._settings.output_bytes)

    def _stop(self) -> None:
        for child in self._ahead:
            child.kill()
        self._ahead.clear()
        if self._handle >= 0:
            try:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass  # it has ended, or closing the socket will end it
            finally:
                os.close(self._handle)
                self._handle = -1
        if self._running is not None:
            self._running.stop()
            self._running = None

    def stop(self) -> None:
        """End the zygote; the kernel kills the sessions it still has. Idempotent."""
        with self._lock:
            self._stop()


def _problem(running: RunningZygote) -> str:
    """Why a zygote that closed its socket ended; its process may take a moment longer."""
    for _ in range(100):
        problem = running.problem()
        if problem is not None:
            return problem
        threading.Event().wait(0.02)
    return "it closed its control socket"
