"""What a session gives up before it reads a line of code: privileges, files, system calls, resources."""

from __future__ import annotations

import functools
import os
import resource
import signal
import sys
import sysconfig
from dataclasses import dataclass

from . import kernel, landlock, scratch, seccomp

_LIBRARIES = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo"]
_DEVICES = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"]
_FIRST_UID, _UIDS = 62000, 2000
"""Unprivileged ids that sessions take in turn when the zygote is root."""

_CPU_SECONDS = 600
_OPEN_FILES = 64


@functools.cache
def interpreter_files() -> list[str]:
    """Directories that imports may need: the standard library, installed packages, shared libraries."""
    own = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return [path for path in dict.fromkeys([*own, *_LIBRARIES]) if os.path.exists(path)]


def keep_import_path_inside() -> None:
    """Take everything but the standard library and installed packages off the import path."""
    inside = tuple(os.path.realpath(path) for path in interpreter_files())
    sys.path[:] = [path for path in sys.path if os.path.realpath(path).startswith(inside)]


def can_drop_uid() -> bool:
    """Whether a process of an unprivileged uid could still import modules (False unless root).

    An interpreter below a private home directory cannot be read by another user: its sessions keep the uid and rely
    on Landlock, the filter and the loss of every capability.
    """
    if os.geteuid() != 0:
        return False
    folders = [path for path in interpreter_files() if os.path.isdir(path)]
    pid = os.fork()
    if pid == 0:
        try:
            _drop_uid(_FIRST_UID)
            os._exit(0 if all(os.access(path, os.R_OK | os.X_OK) for path in folders) else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _drop_uid(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _memory_in_use() -> tuple[int, int]:
    """Bytes of address space and of private data (stack included) that this process has mapped."""
    with open("/proc/self/statm") as statm:
        pages = statm.read().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use. `level` decides the layers: 0 none, 3 limits and filter, 2 Landlock too, 1 a scratch
    directory too, in the namespaces that the zygote was started in."""

    level: int
    memory_mb: int
    scratch_mb: int
    scratch_files: int


class Lock:
    """The lockdown of sessions: what is the same for all is prepared once; each forked process calls `apply`.

    With `drop_uid` each session takes an unprivileged user id. `ruleset` is the descriptor of the Landlock rules.

    Raises:
        OSError: a primitive is missing or refused; the message names it.
    """

    def __init__(self, limits: Limits, drop_uid: bool) -> None:
        self._limits = limits
        self._drop_uid = drop_uid
        self._scratch = limits.level == 1
        self._landlock = limits.level in (1, 2)
        self._place = scratch.PLACE if self._scratch else "/"
        writable = [scratch.PARENT] if self._scratch else []
        if self._landlock:
            self.ruleset = landlock.ruleset(interpreter_files(), _DEVICES, writable)
        else:
            self.ruleset = os.open("/dev/null", os.O_RDONLY)
        if limits.level:
            seccomp.program(0, self._scratch)  # built once here, so that no session has to

    def apply(self, session: int) -> None:
        """Leave this process nothing but memory, a clock and its descriptors; `session` chooses the uid."""
        uid = _FIRST_UID + session % _UIDS if self._drop_uid else os.getuid()
        if self._scratch:
            scratch.mount(self._limits.scratch_mb, self._limits.scratch_files, uid)
        if self._limits.level:
            self._bound(uid)
        os.chdir(self._place)
        # A change of uid clears the signal of the parent's death: set it afterwards.
        kernel.prctl("parent death signal", kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if self._limits.level:
            kernel.prctl("non-dumpable", kernel.PR_SET_DUMPABLE, 0)
            kernel.prctl("no_new_privs", kernel.PR_SET_NO_NEW_PRIVS, 1)
        if self._landlock:
            landlock.restrict(self.ruleset)
        os.close(self.ruleset)
        if self._limits.level:
            seccomp.install(seccomp.program(os.getpid(), self._scratch))

    def _bound(self, uid: int) -> None:
        """Set the resource limits, and give up user and capabilities."""
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
        space, data = _memory_in_use()
        memory = self._limits.memory_mb * 2**20
        _limit(resource.RLIMIT_AS, space + memory)
        _limit(resource.RLIMIT_DATA, data + memory)
        _limit(resource.RLIMIT_CPU, _CPU_SECONDS)
        _limit(resource.RLIMIT_FSIZE, self._limits.scratch_mb * 2**20 if self._scratch else 0)
        _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_MEMLOCK, 0)
        if self._drop_uid:
            _drop_uid(uid)
        kernel.drop_capabilities()
        _limit(resource.RLIMIT_NPROC, 0)
