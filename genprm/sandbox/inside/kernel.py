"""Calls into the Linux kernel that Python has no name for. Every failure raises OSError naming the primitive."""

from __future__ import annotations

import ctypes
import os
import platform

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8

MACHINE = platform.machine()
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.restype = ctypes.c_int


class Unsupported(OSError):  # noqa: N818
    """A primitive that isolation rests on is missing or was refused; the message names it."""


def _check(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise Unsupported(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *arguments: object) -> int:
    """The system call `number`; integers are passed as longs."""
    return _check(what, _libc.syscall(ctypes.c_long(number), *map(_argument, arguments)))


def prctl(what: str, option: int, *arguments: object) -> int:
    """prctl with the unused arguments zero, as newer options demand."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    return _check(what, _libc.prctl(ctypes.c_int(option), *map(_argument, padded)))


def unshare(what: str, flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _check(what, _libc.unshare(ctypes.c_int(flags)))


def mount_tmpfs(place: str, flags: int, options: str) -> None:
    """Mount an empty file system in memory on `place`."""
    kind = b"tmpfs"
    _check("mount of tmpfs", _libc.mount(kind, place.encode(), kind, ctypes.c_ulong(flags), options.encode()))


def _argument(value: object) -> object:
    return ctypes.c_ulong(value & (2**64 - 1)) if isinstance(value, int) else value


def drop_capabilities() -> None:
    """Give up every capability; with no_new_privs and without exec there is no way to get one back."""
    prctl("ambient capabilities", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    syscall("capset", _CAPSET[MACHINE], header, (ctypes.c_uint32 * 6)())
