"""What this machine offers for isolation."""

from __future__ import annotations

import platform
import sys

from genprm.sandbox.base import SandboxError
from genprm.sandbox.inside import landlock, seccomp


def missing_for_confinement() -> list[str]:
    """The primitives of level 2 that this machine lacks, each with its reason."""
    if not sys.platform.startswith("linux"):
        return [f"Linux (this is {platform.system()})"]
    lacking = []
    try:
        landlock.version()
    except OSError as error:
        lacking.append(str(error.strerror))
    try:
        seccomp.program(1)
    except OSError as error:
        lacking.append(str(error.strerror))
    with open("/proc/self/status") as status:
        if "\nSeccomp:" not in status.read():
            lacking.append("seccomp: not in this kernel")
    return lacking


def require_confinement() -> None:
    """Refuse, naming what is missing, unless level 2 can be had.

    Raises:
        SandboxError: a primitive is missing.
    """
    lacking = missing_for_confinement()
    if lacking:
        raise SandboxError(f"sandbox level 2 is not available: {'; '.join(lacking)}")
