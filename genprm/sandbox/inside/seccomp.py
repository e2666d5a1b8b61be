"""The system call filter: default deny, a list of what computing in one thread needs, the rest is EPERM.

No new processes or threads, no exec, no sockets, no ptrace, no namespaces, no memfd, no signals but to oneself.
Refused calls fail with a plain error, so an ordinary script that tries one ends with a message.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import struct

from . import kernel

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Name: (x86_64, aarch64); None where the architecture has no such call. The most frequent come first.
_ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "mmap": (9, 222), "munmap": (11, 215), "brk": (12, 214),
    "mprotect": (10, 226), "madvise": (28, 233), "mremap": (25, 216), "futex": (202, 98),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "setitimer": (38, 103),
    "openat": (257, 56), "close": (3, 57), "fstat": (5, 80), "newfstatat": (262, 79), "lseek": (8, 62),
    "clock_gettime": (228, 113), "getrandom": (318, 278), "ioctl": (16, 29), "fcntl": (72, 25),
    "open": (2, None), "stat": (4, None), "lstat": (6, None), "poll": (7, None), "pread64": (17, 67),
    "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66), "access": (21, None), "pipe": (22, None),
    "select": (23, None), "sched_yield": (24, 124), "msync": (26, 227), "mincore": (27, 232), "dup": (32, 23),
    "dup2": (33, None), "pause": (34, None), "nanosleep": (35, 101), "getitimer": (36, 102), "alarm": (37, None),
    "getpid": (39, 172), "exit": (60, 93), "uname": (63, 160), "getdents": (78, None), "getcwd": (79, 17),
    "chdir": (80, 49), "fchdir": (81, 50), "readlink": (89, None), "umask": (95, 166), "gettimeofday": (96, 169),
    "getrlimit": (97, 163), "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153),
    "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177),
    "getppid": (110, 173), "getpgrp": (111, None), "getgroups": (115, 158), "getresuid": (118, 148),
    "getresgid": (120, 150), "getpgid": (121, 155), "getsid": (124, 156), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "statfs": (137, 43),
    "fstatfs": (138, 44), "getpriority": (140, 141), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "arch_prctl": (158, None), "gettid": (186, 178), "time": (201, None), "sched_getaffinity": (204, 123),
    "getdents64": (217, 61), "set_tid_address": (218, 96), "restart_syscall": (219, 128), "fadvise64": (221, 223),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94), "readlinkat": (267, 78),
    "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73), "set_robust_list": (273, 99),
    "dup3": (292, 24), "pipe2": (293, 59), "getcpu": (309, 168), "membarrier": (324, 283), "statx": (332, 291),
    "rseq": (334, 293), "close_range": (436, 436), "faccessat2": (439, 439), "fsync": (74, 82),
    "fdatasync": (75, 83),
}  # fmt: skip

# The calls that a scratch directory is for; allowed only where there is one.
_ON_FILES: dict[str, tuple[int | None, int | None]] = {
    "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35),
    "rename": (82, None), "renameat": (264, None), "renameat2": (316, 276), "ftruncate": (77, 46),
    "truncate": (76, 45), "creat": (85, None), "fallocate": (285, 47), "sendfile": (40, 71),
    "copy_file_range": (326, 285),
}  # fmt: skip

# Allowed when the first argument is this process (0 = itself, for prlimit64 alone).
_ON_ITSELF: dict[str, tuple[int, int, bool]] = {
    "kill": (62, 129, False), "tgkill": (234, 131, False), "prlimit64": (302, 261, True),
}  # fmt: skip
_CLONE3 = 435

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW = 0x7FFF0000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_MODE_FILTER = 2


def _refuse(number: int) -> int:
    return 0x00050000 | number


def program(pid: int, scratch: bool, machine: str = kernel.MACHINE) -> bytes:
    """The filter for process `pid` as classic BPF, 8 bytes an instruction; `scratch` lets it change files.

    Raises:
        Unsupported: no table for this architecture.
    """
    if machine not in _AUDIT_ARCH:
        raise kernel.Unsupported(errno.ENOSYS, f"seccomp filter: no system call table for {machine}")
    column = list(_AUDIT_ARCH).index(machine)
    code = []
    for *both, zero_too in _ON_ITSELF.values():
        targets = [pid, 0] if zero_too else [pid]
        checks = [step for target in targets for step in ((_EQUAL, 0, 1, target), (_RETURN, 0, 0, _ALLOW))]
        body = [(_LOAD, 0, 0, _FIRST_ARGUMENT), *checks, (_RETURN, 0, 0, _refuse(errno.EPERM))]
        code += [(_EQUAL, 0, len(body), both[column]), *body]
    code.append((_RETURN, 0, 0, _refuse(errno.EPERM)))
    return _common(scratch, machine) + _packed(code)


@functools.cache
def _common(scratch: bool, machine: str) -> bytes:
    """The part of the filter that does not depend on the process."""
    column = list(_AUDIT_ARCH).index(machine)
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _refuse(errno.EPERM)),
        (_LOAD, 0, 0, _NUMBER),
    ]
    allowed = [*_ALLOWED.values(), *(_ON_FILES.values() if scratch else ())]
    for numbers in allowed:
        number = numbers[column]
        if number is not None:
            code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    # glibc falls back to clone, which is refused with EPERM, only when clone3 does not exist.
    code += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _refuse(errno.ENOSYS))]
    return _packed(code)


def _packed(code: list[tuple[int, int, int, int]]) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(code: bytes) -> None:
    """Load a filter for this thread; no_new_privs must be set. It can never be taken off again."""
    buffer = ctypes.create_string_buffer(code, len(code))
    kernel.prctl(
        "seccomp filter",
        kernel.PR_SET_SECCOMP,
        _MODE_FILTER,
        ctypes.byref(_Program(len(code) // 8, ctypes.addressof(buffer))),
    )
