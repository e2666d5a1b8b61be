"""How a forked process becomes a session: descriptors in their places, locked down, then blocks are served."""

from __future__ import annotations

import fcntl
import os
import signal
import socket

from . import frames, lockdown, repl

_ABOVE = 10


def become(lock: lockdown.Lock, number: int, session: socket.socket, output: int) -> None:
    """Never returns: turns this process into session `number`, answering on `session`, printing to `output`."""
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
        os.umask(0o077)
        try:
            lock.apply(number)
        except OSError as error:
            frames.send(3, {"failed": error.strerror or str(error)})
            os._exit(1)
        interpreter = repl.rehearse(4)
        frames.send(3, {"ready": True})
        repl.serve(3, interpreter)
    finally:
        os._exit(0)
