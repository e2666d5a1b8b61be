"""The zygote: an interpreter with the libraries loaded that forks one session at a time and runs no code itself.

Requests come as single messages on a sequenced-packet socket, each with two descriptors: the session's control
socket and the pipe for its output. When the supervisor is gone the socket ends; the zygote then exits and the
kernel kills its children.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import os
import select
import signal
import socket
from typing import Any

from . import frames, lockdown, repl, seccomp

_LONGEST_REQUEST = 64
_ABOVE = 10
_PARENT_CHECK_MS = 250
_QUIET_MS = 20

_WARMING = {
    "sympy": [
        "sympy.solve(x**2 - 3 * x + 2, x)",
        "sympy.solve([x + y - 3, x - y - 1], [x, y])",
        "sympy.integrate(x**2 * sympy.sin(x), x)",
        "sympy.diff(sympy.exp(x) * sympy.log(x), x)",
        "sympy.simplify(sympy.sin(x)**2 + sympy.cos(x)**2)",
        "sympy.factor(x**3 - 6 * x**2 + 11 * x - 6)",
        "sympy.Matrix([[1, 2], [3, 4]]).inv()",
        "sympy.limit(sympy.sin(x) / x, x, 0)",
        "sympy.summation(x, (x, 1, y))",
        "sympy.factorint(360), sympy.nsimplify('0.5'), sympy.N(sympy.sqrt(2))",
        "sympy.solve(sympy.sqrt(x + 1) - 2, x)",
        "sympy.sympify('2*x + 1').subs(x, 3)",
    ],
    "numpy": ["numpy.linalg.solve(numpy.eye(2), numpy.ones(2))", "numpy.roots([1, -3, 2])"],
}
"""What is evaluated once in quiet moments: libraries build tables and load parts of themselves at first use, which
every session would otherwise pay for again (a second and more for a first `solve`)."""


def _become_session(lock: lockdown.Lock, number: int, session: socket.socket, output: int) -> None:
    """Never returns: turns this forked process into a session."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        null = os.open("/dev/null", os.O_RDWR)
        # First move the descriptors out of the way of one another, then put each where it belongs.
        wanted = (session.fileno(), output, lock.ruleset)
        control, output, ruleset = (fcntl.fcntl(descriptor, fcntl.F_DUPFD, _ABOVE) for descriptor in wanted)
        handle = os.pidfd_open(os.getpid())
        socket.send_fds(session, [b"pidfd"], [handle])
        for standard in (0, 2):
            os.dup2(null, standard)
        os.dup2(output, 1)
        os.dup2(control, 3)
        os.dup2(output, 4)
        lock.ruleset = os.dup2(ruleset, 5)
        os.closerange(6, os.sysconf("SC_OPEN_MAX"))
        os.chdir("/")
        os.umask(0o077)
        try:
            lock.apply(number)
        except OSError as error:
            frames.send(3, {"failed": error.strerror or str(error)})
            os._exit(1)
        frames.send(3, {"ready": True})
        repl.serve(3, 4)
    finally:
        os._exit(0)


def _reap(children: dict[int, socket.socket]) -> None:
    """Tell the supervisor of every session that ended, and leave nothing of its process group."""
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
        session = children.pop(ended.si_pid)
        # The supervisor may have closed this session: then nobody asks how it ended.
        with contextlib.suppress(OSError):
            session.send(frames.pack({"died": status}), socket.MSG_DONTWAIT)
        session.close()


def _wait(control: socket.socket, wakeup: socket.socket, milliseconds: int) -> bool:
    """Whether a request or a death came within the time given."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    events = dict(poll.poll(milliseconds))
    if wakeup.fileno() in events:
        wakeup.recv(4096)
    return bool(events)


def _settle() -> None:
    """Move what is loaded out of the garbage collector's sight, so that children do not copy it by touching it."""
    gc.collect()
    gc.freeze()


def _warm(libraries: dict[str, Any], pending: list[str]) -> None:
    """Evaluate the next expression of `pending`."""
    eval(pending.pop(0), dict(libraries))
    if not pending:
        _settle()


def main(control_descriptor: int, parent: int, memory_mb: int, confine: bool, preload: list[str]) -> None:
    """Load `preload`, then fork sessions until the supervisor is gone."""
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    lockdown.keep_import_path_inside()
    libraries: dict[str, Any] = {name: importlib.import_module(name) for name in preload}
    if "sympy" in libraries:
        libraries["x"], libraries["y"] = libraries["sympy"].symbols("x y")
    pending = [expression for name in preload for expression in _WARMING.get(name, [])]
    _settle()
    lock = lockdown.Lock(memory_mb, confine, lockdown.can_drop_uid())
    seccomp.program(0)  # built once here, so that no session has to
    control = socket.socket(fileno=control_descriptor)
    control.setblocking(False)
    wakeup, bell = socket.socketpair()
    wakeup.setblocking(False)
    bell.setblocking(False)
    signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    children: dict[int, socket.socket] = {}
    number = 0
    while os.getppid() == parent:
        quiet = not _wait(control, wakeup, _QUIET_MS if pending else _PARENT_CHECK_MS)
        _reap(children)
        if quiet and pending:
            _warm(libraries, pending)
            continue
        try:
            message, descriptors, _, _ = socket.recv_fds(control, _LONGEST_REQUEST, 2)
        except BlockingIOError:
            continue
        if not message:
            return
        session, output = socket.socket(fileno=descriptors[0]), descriptors[1]
        number += 1
        pid = os.fork()
        if pid == 0:
            _become_session(lock, number, session, output)
        os.close(output)
        children[pid] = session
