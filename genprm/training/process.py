"""What every training process does first, and how it reports a model that it cannot train."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from genprm.engines.base import EngineError
from genprm.parents import die_with
from genprm.training.job import TrainingJob, read_job

WRONG_MODEL = os.EX_DATAERR
"""Exit status of a training whose base model cannot be used; the last line of its output says why."""
INTERRUPTED = 130
"""Exit status of a training that was asked to stop: its state is saved, and the next start goes on from there."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it ends, however it ends."""
    die_with(int(os.environ.get("GENPRM_PARENT", os.getppid())))


Job = TypeVar("Job", bound=TrainingJob)


def run(train: Callable[[TrainingJob], None], arguments: Sequence[str]) -> None:
    """Run `train` on the job whose file is the first of `arguments`."""
    run_read(train, read_job, arguments)


def run_read(train: Callable[[Job], None], read: Callable[[Path], Job], arguments: Sequence[str]) -> None:
    """Run `train` on the job that `read` reads from the file that is the first of `arguments`."""
    die_with_parent()
    try:
        train(read(Path(arguments[0])))
    except EngineError as error:
        print(" ".join(str(error).split()), flush=True)
        sys.exit(WRONG_MODEL)
