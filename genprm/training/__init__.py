"""From conversations to a checkpoint: supervised fine-tuning through TRL, in a process of its own (paper 5.1)."""

from __future__ import annotations

from genprm.training.launch import LossPoint, TrainingError, TrainingReport, progress_of, run_training

__all__ = ["LossPoint", "TrainingError", "TrainingReport", "progress_of", "run_training"]
