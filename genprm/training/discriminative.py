"""The discriminative reward model of the paper's comparison: a classification head at step ends (eq. 1)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genprm.settings import TrainingSettings
from genprm.training.discriminative_data import LabelledSolution, write_solutions
from genprm.training.job import EXAMPLES_FILE, TrainingJob
from genprm.training.launch import TrainingReport, run_job


def train_discriminative(
    solutions: Sequence[LabelledSolution],
    settings: TrainingSettings,
    base: str,
    out_dir: Path,
    env: Mapping[str, str],
    log: Callable[[str], None],
    manifest: Mapping[str, Any] | None = None,
) -> TrainingReport:
    """Train `base` with a new head of two classes (wrong, right) on labelled steps, in a process of its own.

    The checkpoint is one of transformers' `...ForTokenClassification` and appears in `out_dir` whole or not at all;
    `genprm.reward_models.token_classifier` reads it. The process dies with this one. Same data and settings: same
    weights on the same machine. An interrupted run starts again from the beginning.

    Args:
        settings: those of supervised fine-tuning; `modes`, `variants` and `base` have no say.
        manifest: carried into `genprm.json`.

    Returns:
        The report, in which `loss_tokens` are labelled steps and losses are nats per step.

    Raises:
        ValueError: no solutions.
        TrainingError: the process failed.
    """
    if not solutions:
        raise ValueError("no labelled solutions: the training set is empty")
    job = TrainingJob(base, settings, False, out_dir.resolve(), manifest or {})
    shutil.rmtree(job.work_dir, ignore_errors=True)
    job.work_dir.mkdir(parents=True)
    write_solutions(solutions, job.work_dir / EXAMPLES_FILE)
    return run_job(job, "genprm.training.discriminative_trainer", env, log)
