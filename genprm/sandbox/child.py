"""One session process as its supervisor sees it: a control socket, a pipe of output, and a handle to kill it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from genprm.sandbox.base import SandboxError, ZygoteGoneError
from genprm.sandbox.inside import frames
from genprm.sandbox.inside.clock import GRACE_SECONDS
from genprm.settings import SandboxSettings

FLOOD_BYTES = 64 * 2**20
"""Output of one block past which the session is killed."""

_START_SECONDS = 60.0
_LARGEST_ANSWER = 2**20


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """What one block may use (`genprm.sandbox.inside.clock`), and what of its output is shown."""

    seconds: float
    import_seconds: float
    wall_seconds: float
    echo_last: bool
    show_stderr: bool

    @classmethod
    def of(cls, settings: SandboxSettings) -> BlockOptions:
        """The options of every block of a sandbox."""
        wall_seconds = settings.wall_factor * settings.seconds
        return cls(
            settings.seconds, settings.import_seconds, wall_seconds, settings.echo_last, settings.show_stderr
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a block ended.

    `detail` is the error, what the block said when it exited, the limit that it reached, the exit status of a dead
    process, or empty.
    """

    kind: Literal["ok", "error", "exit", "timeout", "killed_timeout", "killed_output", "died", "protocol_violation"]
    output: bytes
    printed: int
    detail: str = ""


class Child:
    """A forked session. Used by one block at a time; may be used from several event loops in turn."""

    def __init__(self, control: socket.socket, output: int, keep_bytes: int) -> None:
        control.setblocking(False)
        os.set_blocking(output, False)
        self._control = control
        self._output = output
        self._keep_bytes = keep_bytes
        self._handle = -1
        self._ready = False
        self._pending = bytearray()
        self._used_by = 0
        self._open = True
        self.alive = True

    async def start(self) -> None:
        """Wait until the process is locked down.

        Raises:
            SandboxError: it could not be locked down, or the zygote is gone.
        """
        with self._in_use():
            while not self.greeted():
                try:
                    await asyncio.wait_for(self._readable(), _START_SECONDS)
                except TimeoutError:
                    raise SandboxError(f"a sandbox session did not start within {_START_SECONDS:g} s") from None

    def greeted(self) -> bool:
        """Whether the process is locked down; False as long as it is not yet.

        Raises:
            SandboxError: it could not be locked down, or the zygote is gone.
        """
        while not self._ready:
            try:
                self._greet()
            except BlockingIOError:
                return False
        return True

    def _greet(self) -> None:
        data, handles, _, _ = socket.recv_fds(self._control, 65536, 1)
        if handles:
            self._handle = handles[0]
            data = data.removeprefix(b"pidfd")
        elif not data:
            raise ZygoteGoneError("a sandbox session was closed, or the process that starts them is gone")
        self._pending += data
        message = self._frame()
        if message is not None:
            if "ready" not in message:
                reason = message.get("failed") or f"it ended with status {message.get('died')}"
                raise SandboxError(f"a sandbox session could not be locked down: {reason}")
            self._ready = True

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        """Descriptors stay open while an event loop watches them; a kill meanwhile closes them at the end."""
        self._used_by += 1
        try:
            yield
        finally:
            self._used_by -= 1
            if not self.alive:
                self._close()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._control, lambda: arrived.done() or arrived.set_result(None))  # type: ignore[func-returns-value]
        try:
            await arrived
        finally:
            loop.remove_reader(self._control)

    def _frame(self) -> dict[str, Any] | None:
        """The next complete message, or None.

        Raises:
            ValueError: what came is not a message.
        """
        if len(self._pending) < frames.HEADER.size:
            return None
        (length,) = frames.HEADER.unpack_from(self._pending)
        if length > _LARGEST_ANSWER:
            raise ValueError("message too long")
        end = frames.HEADER.size + length
        if len(self._pending) < end:
            return None
        message = json.loads(bytes(self._pending[frames.HEADER.size : end]))
        del self._pending[:end]
        if not isinstance(message, dict):
            raise ValueError("message is not an object")
        return message

    async def run(self, code: str, options: BlockOptions) -> Outcome:
        """Run one block. The child is dead after a kill.

        Raises:
            ZygoteGoneError: the process was killed with its zygote, or by `kill`.
        """
        if self._pending or self._peek():
            # The process sent something unasked: a frame forged as the answer to this block.
            self.kill()
            return Outcome("protocol_violation", b"", 0)
        exchange = _Exchange(self, secrets.token_hex(16), options)
        request = {"nonce": exchange.nonce, "code": code, **dataclasses.asdict(options)}
        with self._in_use():
            return await exchange.run(frames.pack(request))

    def ended(self) -> bool:
        """Whether the process died since its last block; if so, its handles are closed."""
        waiting = (bytes(self._pending) or self._peek()) if self.alive else b""
        if waiting is None or (waiting and not waiting[frames.HEADER.size :].startswith(b'{"died"')):
            return False
        self.kill()
        return True

    def _peek(self) -> bytes | None:
        """What waits on the control socket: None when nothing does, empty when the process is gone."""
        try:
            return self._control.recv(64, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except ConnectionError:
            return b""

    def kill(self) -> None:
        """Kill the process and close its handles. Idempotent."""
        if not self.alive:
            return
        self.alive = False
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        # Wakes tasks that wait on the socket, and ends a session that has not sent its handle yet.
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        if not self._used_by:
            self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._control.close()
            os.close(self._output)
            if self._handle >= 0:
                os.close(self._handle)


class _Exchange:
    """One block: the request goes out, output is drained; the first of answer, death, flood and deadline wins."""

    def __init__(self, child: Child, nonce: str, options: BlockOptions) -> None:
        self.nonce = nonce
        self._options = options
        self._child = child
        self._kept = bytearray()
        self._printed = 0
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[tuple[str, str]] = self._loop.create_future()

    async def run(self, request: bytes) -> Outcome:
        child = self._child
        wall_seconds = self._options.wall_seconds
        late = f"{wall_seconds:g} seconds by the clock"
        deadline = self._loop.call_later(wall_seconds + GRACE_SECONDS, self._end, "killed_timeout", late)
        self._loop.add_reader(child._output, self._drain)
        try:
            # A session reads its whole request before it does anything else, so this cannot hang on a script.
            with contextlib.suppress(ConnectionError):
                await self._loop.sock_sendall(child._control, request)
            self._loop.add_reader(child._control, self._listen)
            kind, detail = await self._ended
        finally:
            deadline.cancel()
            self._loop.remove_reader(child._output)
            self._loop.remove_reader(child._control)
        self._drain()
        if kind not in ("ok", "error", "exit", "timeout"):
            child.kill()
        if kind == "gone":
            raise ZygoteGoneError("the process that starts sandbox sessions is gone, and all sessions with it")
        return Outcome(kind, bytes(self._kept), self._printed, detail)  # type: ignore[arg-type]

    def _end(self, kind: str, detail: str = "") -> None:
        if not self._ended.done():
            self._ended.set_result((kind, detail))

    def _drain(self) -> None:
        while self._printed <= FLOOD_BYTES:
            try:
                part = os.read(self._child._output, 2**18)
            except BlockingIOError:
                return
            if not part:
                return
            self._printed += len(part)
            self._kept += part[: max(0, self._child._keep_bytes - len(self._kept))]
            if not self._ended.done() and len(part) < 2**16:
                return
        self._end("killed_output")

    def _listen(self) -> None:
        try:
            data = self._child._control.recv(2**16)
        except BlockingIOError:
            return None
        except ConnectionError:
            data = b""
        if not data:  # the session died, and the zygote did not report it
            return self._end("gone")
        self._child._pending += data
        try:
            message = self._child._frame()
        except ValueError:
            return self._end("protocol_violation")
        if message is not None:
            self._judge(message)
        return None

    def _judge(self, message: dict[str, Any]) -> None:
        status, error = message.get("status"), message.get("error", "")
        if message.get("died") == -signal.SIGXCPU:
            self._end("killed_timeout", f"{self._options.seconds:g} seconds")
        elif "died" in message:
            self._end("died", str(message["died"]))
        elif message.get("nonce") != self.nonce or not isinstance(error, str):
            self._end("protocol_violation")
        elif status in ("ok", "error", "exit", "timeout"):
            self._end(status, error)
        else:
            self._end("protocol_violation")
