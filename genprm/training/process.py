"""How a training process ends: with the process that started it, or with a status that has a meaning."""

from __future__ import annotations

import os

from genprm.parents import die_with

WRONG_MODEL = os.EX_DATAERR
"""Exit status of a training whose base model cannot be used; the last line of its output says why."""
INTERRUPTED = 130
"""Exit status of a training that was asked to stop: its state is saved, and the next start goes on from there."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it ends, however it ends."""
    die_with(int(os.environ.get("GENPRM_PARENT", os.getppid())))
