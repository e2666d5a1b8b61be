"""What a session gives up before it reads a line of code: privileges, files, system calls, resources."""

from __future__ import annotations

import os
import resource
import signal
import sys
import sysconfig

from . import kernel, landlock, seccomp

_LIBRARIES = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo"]
_DEVICES = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"]
_FIRST_UID, _UIDS = 62000, 2000
"""Unprivileged ids that sessions take in turn when the zygote is root."""

_CPU_SECONDS = 600
_OPEN_FILES = 64


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

    An interpreter below a private home directory cannot be read by anyone else: its sessions keep the uid and
    rest on Landlock, the filter and the loss of every capability.
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


def _status(field: str) -> int:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise kernel.Unsupported(0, f"/proc/self/status has no {field}")


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def lock_down(memory_mb: int, session: int, drop_uid: bool, confine: bool) -> None:
    """Leave this process nothing but memory, a clock and its descriptors.

    `session` numbers the sessions (it chooses the uid); `confine` adds Landlock and the system call filter, which
    only level 3 goes without.

    Raises:
        OSError: a primitive is missing or refused; the message names it.
    """
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    extra = memory_mb * 2**20
    _limit(resource.RLIMIT_AS, _status("VmSize") + extra)
    _limit(resource.RLIMIT_DATA, _status("VmData") + extra)
    _limit(resource.RLIMIT_CPU, _CPU_SECONDS)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    if drop_uid:
        _drop_uid(_FIRST_UID + session % _UIDS)
    kernel.drop_capabilities()
    _limit(resource.RLIMIT_NPROC, 0)
    # A change of uid clears the signal of the parent's death: set it afterwards.
    kernel.prctl("parent death signal", kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl("non-dumpable", kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl("no_new_privs", kernel.PR_SET_NO_NEW_PRIVS, 1)
    if confine:
        landlock.restrict(interpreter_files(), _DEVICES)
        seccomp.install(seccomp.program(os.getpid()))
