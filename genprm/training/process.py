"""What every training process does first, and how it reports a model that it cannot train."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from genprm.engines.base import EngineError
from genprm.parents import die_with
from genprm.training.job import Job, read_job

WRONG_MODEL = os.EX_DATAERR
"""Exit status of a training whose base model cannot be used; the last line of its output says why."""
INTERRUPTED = 130
"""Exit status of a training that was asked to stop: its state is saved, and the next start goes on from there."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it ends, however it ends."""
    die_with(int(os.environ.get("GENPRM_PARENT", os.getppid())))


def run(train: Callable[[Job], None], kind: type[Job], arguments: Sequence[str]) -> None:
    """Run `train` on the job of this kind whose file is the first of `arguments`."""
    die_with_parent()
    try:
        train(read_job(Path(arguments[0]), kind))
    except EngineError as error:
        print(" ".join(str(error).split()), flush=True)
        sys.exit(WRONG_MODEL)
