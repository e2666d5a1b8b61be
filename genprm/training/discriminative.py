"""The discriminative reward model of the paper's comparison: a classification head at step ends (eq. 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from genprm.training.discriminative_data import LabelledSolution
from genprm.training.job import TrainingJob
from genprm.training.launch import run_job
from genprm.training.report import TrainingReport


def train_discriminative(
    solutions: Sequence[LabelledSolution], job: TrainingJob, env: Mapping[str, str], log: Callable[[str], None]
) -> TrainingReport:
    """Train `job.base` with a new head of two classes (wrong, right) on labelled steps, in a process of its own.

    The checkpoint is one of transformers' `...ForTokenClassification`, and `genprm.reward_models.token_classifier`
    reads it. Everything else is as in `run_training`.

    Returns:
        The report, in which `loss_tokens` are labelled steps and losses are nats per step.

    Raises:
        ValueError: no solutions.
        EngineError: the base model cannot be used.
        TrainingError: the process failed.
    """
    return run_job("genprm.training.discriminative_trainer", solutions, job, env, log)
