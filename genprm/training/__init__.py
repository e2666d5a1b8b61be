"""From conversations to a checkpoint: supervised fine-tuning through TRL, in a process of its own (paper 5.1)."""

from __future__ import annotations

from genprm.training.launch import TrainingError, TrainingReport, run_training

__all__ = ["TrainingError", "TrainingReport", "run_training"]
