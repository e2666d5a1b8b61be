"""A training in the process of the test, without a start of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from genprm.training import TrainingReport, read_report
from genprm.training.job import EXAMPLES_FILE, Job, write_examples


def train_here(train: Callable[[Job], None], examples: Sequence[Any], job: Job) -> TrainingReport:
    """Run the function `train` of a training process on a job and its examples, as the process would."""
    job.work_dir.mkdir(parents=True)
    write_examples(examples, job.work_dir / EXAMPLES_FILE)
    train(job)
    shutil.rmtree(job.work_dir)
    return read_report(job.out_dir)
