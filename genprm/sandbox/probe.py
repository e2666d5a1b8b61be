"""What this machine offers for isolation, and which levels can be had with it."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import sys
from dataclasses import dataclass

from genprm.sandbox import bubblewrap
from genprm.sandbox.inside import landlock, lockdown, seccomp

NEEDS = {
    1: ("system call filter", "Landlock", "bubblewrap", "namespaces"),
    2: ("system call filter", "Landlock"),
    3: ("system call filter",),
    0: (),
}
"""The primitives that each level rests on, the strongest level first."""

REMEDIES = {
    "system call filter": "a Linux kernel with CONFIG_SECCOMP_FILTER on x86_64 or aarch64",
    "Landlock": "Linux 5.13 or later with landlock among the security modules (boot option lsm=landlock,...)",
    "bubblewrap": "the program bwrap (Debian, Ubuntu: apt-get install bubblewrap)",
    "namespaces": "root with CAP_SYS_ADMIN, or unprivileged user namespaces (kernel.unprivileged_userns_clone=1; "
    "Ubuntu: kernel.apparmor_restrict_unprivileged_userns=0; containers forbid them unless told otherwise)",
    "user id per session": "starting as root, with an interpreter that other users may read",
}


@dataclass(frozen=True, slots=True)
class Primitive:
    """One thing that isolation can be built from. `found` describes it; `problem` says why it is missing."""

    name: str
    found: str
    problem: str | None = None


@functools.cache
def primitive(name: str) -> Primitive:
    """The primitive of that name in `REMEDIES`, tried on this machine (once for each process)."""
    if not sys.platform.startswith("linux"):
        return Primitive(name, "", f"not on {platform.system()}")
    return _TRIALS[name]()


def primitives() -> list[Primitive]:
    """Every primitive, tried."""
    return [primitive(name) for name in REMEDIES]


def lacking(level: int) -> list[Primitive]:
    """The primitives of `level` that this machine does not have."""
    return [found for found in map(primitive, NEEDS[level]) if found.problem]


def best_level() -> int | None:
    """The strongest available level of those chosen by default (1 and 2); None when neither is available."""
    return next((level for level in (1, 2) if not lacking(level)), None)


def refusal(level: int) -> str:
    """Why `level` cannot be had here, and what would help."""
    reasons = [f"{missing.name} ({missing.problem})" for missing in lacking(level)]
    remedies = [REMEDIES[missing.name] for missing in lacking(level)]
    return f"sandbox level {level} is not available: no {', no '.join(reasons)}. It takes: {'; '.join(remedies)}"


def missing_for_confinement() -> list[str]:
    """The primitives of level 2 that this machine lacks, each with its reason."""
    return [f"{missing.name}: {missing.problem}" for missing in lacking(2)]


def _filter() -> Primitive:
    name = "system call filter"
    try:
        seccomp.program(1, scratch=False)
    except OSError as error:
        return Primitive(name, "", str(error.strerror))
    with open("/proc/self/status") as status:
        if "\nSeccomp:" not in status.read():
            return Primitive(name, "", "seccomp is not in this kernel")
    return Primitive(name, f"seccomp, {platform.machine()}")


def _landlock() -> Primitive:
    try:
        return Primitive("Landlock", f"interface version {landlock.version()}")
    except OSError as error:
        return Primitive("Landlock", "", str(error.strerror).removeprefix("Landlock: "))


def _bubblewrap() -> Primitive:
    program = shutil.which("bwrap")
    return Primitive("bubblewrap", program or "", None if program else "bwrap is not installed")


def _namespaces() -> Primitive:
    """Try namespaces by starting an interpreter in them, which mounts a scratch directory."""
    problem = bubblewrap.trial() if shutil.which("bwrap") else "not tried without bubblewrap"
    how = "as root" if os.geteuid() == 0 else "in a user namespace"
    return Primitive("namespaces", f"process, network, mount, IPC, host name, {how}", problem)


def _user_ids() -> Primitive:
    name = "user id per session"
    if os.geteuid() != 0:
        return Primitive(name, "", "not root")
    if lockdown.can_drop_uid():
        return Primitive(name, "at every level")
    return Primitive(name, "at level 1; at others the interpreter lies in a directory that is private to root")


_TRIALS = {
    "system call filter": _filter,
    "Landlock": _landlock,
    "bubblewrap": _bubblewrap,
    "namespaces": _namespaces,
    "user id per session": _user_ids,
}
