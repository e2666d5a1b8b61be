"""The zygote: an interpreter with the libraries loaded that forks one session at a time and runs no code itself.

Messages on its control socket (sequenced packets) carry descriptors:

| message | with | answer |
|---|---|---|
| `supervisor`, the first | a process handle of the supervisor | versions as JSON, with a handle of the zygote |
| `fork` | a session's control socket, the pipe for its output | none; the session itself answers on its socket |
| `ahead` | as for `fork` | as for `fork`, in a quiet moment, once everything is warm |

When the supervisor dies or closes the socket, the zygote exits and the kernel kills its sessions.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import signal
import socket
from collections import deque
from collections.abc import Iterator

from . import frames, lockdown, session
from .warming import Libraries

_LONGEST_REQUEST = 64
_QUIET_MS = 20
_LOOK_SECONDS = 0.05


@contextlib.contextmanager
def ending_with(supervisor: int, look_seconds: float = _LOOK_SECONDS) -> Iterator[None]:
    """Exit even in the middle of long work when `supervisor` becomes readable."""
    signal.signal(signal.SIGALRM, lambda number, frame: _is_readable(supervisor) and os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, look_seconds, look_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _is_readable(descriptor: int) -> bool:
    # A new poll object each time: on a busy machine the next alarm interrupts this one, and they cannot share one.
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class Zygote:
    """`control` is the connected socket; `supervisor` becomes readable when its process is gone."""

    def __init__(self, control: socket.socket, limits: lockdown.Limits, preload: list[str]) -> None:
        control.setblocking(True)
        _, (self._supervisor,), _, _ = socket.recv_fds(control, _LONGEST_REQUEST, 1)
        lockdown.keep_import_path_inside()
        with ending_with(self._supervisor):
            self._libraries = Libraries(preload)
        self._lock = lockdown.Lock(limits, limits.level > 0 and lockdown.can_drop_uid())
        self._control = control
        self._ahead: deque[list[int]] = deque()
        self._sessions: dict[int, socket.socket] = {}
        self._forked = 0
        self._bell, ring = socket.socketpair()
        for end in (control, self._bell, ring):
            end.setblocking(False)
        signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._ring = ring
        versions = {"python": platform.python_version(), **self._libraries.versions}
        socket.send_fds(control, [json.dumps(versions).encode()], [os.pidfd_open(os.getpid())])

    def serve(self) -> None:
        """Fork sessions until the supervisor is gone."""
        while self._wait():
            self._reap()
            try:
                message, descriptors, _, _ = socket.recv_fds(self._control, _LONGEST_REQUEST, 2)
            except BlockingIOError:
                message = None
            # Behind the handler: a session forked within it would show this error as the cause of its own.
            if message is None:
                self._use_quiet_moment()
            elif not message:
                return
            elif message == b"ahead":
                self._ahead.append(descriptors)
            else:
                self._fork(descriptors)

    def _wait(self) -> bool:
        """Wait for a request or a death while there is nothing else to do; False if the supervisor died."""
        idle = 0 if self._ahead else -1
        patience = idle if self._libraries.warm else _QUIET_MS
        poll = select.poll()
        for readable in (self._control.fileno(), self._bell.fileno(), self._supervisor):
            poll.register(readable, select.POLLIN)
        events = dict(poll.poll(patience))
        self._quiet = not events
        if self._bell.fileno() in events:
            self._bell.recv(4096)
        return self._supervisor not in events

    def _use_quiet_moment(self) -> None:
        if not self._libraries.warm:
            if self._quiet:
                with ending_with(self._supervisor):
                    self._libraries.evaluate_next()
        elif self._ahead:
            self._fork(self._ahead.popleft())

    def _fork(self, descriptors: list[int]) -> None:
        control, output = socket.socket(fileno=descriptors[0]), descriptors[1]
        self._forked += 1
        pid = os.fork()
        if pid == 0:
            self._libraries.seed()
            session.become(self._lock, self._forked, control, output)
        os.close(output)
        self._sessions[pid] = control

    def _reap(self) -> None:
        """Tell the supervisor of every session that ended, and kill what is left of its process group."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            # The zombie still holds the number, so this cannot hit another group; mostly it was alone in its own.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(ended.si_pid, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(ended.si_pid, 0)[1])
            control = self._sessions.pop(ended.si_pid)
            # The supervisor may have closed this session: then nobody asks how it ended.
            with contextlib.suppress(OSError):
                control.send(frames.pack({"died": status}), socket.MSG_DONTWAIT)
            control.close()


def _connect(address: str) -> socket.socket:
    """The control socket: an inherited descriptor, or the path of a listening socket."""
    if address.isdigit():
        return socket.socket(fileno=int(address))
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(address)
    return control


def main(address: str, order: str) -> None:
    """Serve on the socket that `address` names, as `order` (JSON: the fields of `Limits`, and `preload`) says."""
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    fields = json.loads(order)
    preload = fields.pop("preload")
    Zygote(_connect(address), lockdown.Limits(**fields), preload).serve()
