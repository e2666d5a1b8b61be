"""From examples to a checkpoint, in a process of its own (paper 5.1)."""

from __future__ import annotations

from genprm.training.job import TrainingJob
from genprm.training.launch import TrainingError, progress_of, run_training
from genprm.training.report import LossPoint, TrainingReport, read_report

__all__ = [
    "LossPoint",
    "TrainingError",
    "TrainingJob",
    "TrainingReport",
    "progress_of",
    "read_report",
    "run_training",
]
