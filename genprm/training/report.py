"""What a training records beside the weights: the loss of every update, and how much data it saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from genprm.manifest import MANIFEST_FILE, read_manifest

LOSSES_FILE = "losses.json"


@dataclass(frozen=True, slots=True)
class LossPoint:
    """Training loss (nats per token or step that carries loss) at one optimiser step."""

    step: int
    epoch: float
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training made, as its checkpoint records it.

    `examples` were trained on, `dropped` were too long. `tokens` are those of one epoch, padding not counted;
    `loss_tokens` carry loss.
    """

    checkpoint: Path
    examples: int
    dropped: int
    tokens: int
    loss_tokens: int
    losses: list[LossPoint]

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return len(self.losses)


def write_losses(losses: Sequence[LossPoint], checkpoint: Path) -> None:
    """Write the loss curve into a checkpoint."""
    (checkpoint / LOSSES_FILE).write_text(json.dumps([asdict(point) for point in losses], indent=0) + "\n")


def read_report(checkpoint: Path) -> TrainingReport:
    """The report of a checkpoint that was trained here, now or in an earlier run.

    Raises:
        ValueError: its manifest does not say what was trained on.
    """
    made = read_manifest(checkpoint)
    if (
        made is None
        or made.examples is None
        or made.dropped is None
        or made.tokens is None
        or made.loss_tokens is None
    ):
        raise ValueError(
            f"{checkpoint / MANIFEST_FILE}: does not say what was trained on, so it was not trained here"
        )
    losses = [LossPoint(**point) for point in json.loads((checkpoint / LOSSES_FILE).read_text())]
    return TrainingReport(checkpoint, made.examples, made.dropped, made.tokens, made.loss_tokens, losses)
