"""The discriminative reward model of the paper's comparison: a classification head at step ends (eq. 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genprm.modes import Mode
from genprm.settings import TrainingSettings, VerifierSettings
from genprm.training.discriminative import train_discriminative
from genprm.training.discriminative_data import LabelledSolution
from genprm.training.job import TrainingJob
from genprm.training.recipes.base import Recipe
from genprm.training.report import TrainingReport

LABELLED = "labelled"
"""The store's name, in the place of a mode, for the solutions of a training set with a label per step."""


class DiscriminativeRecipe(Recipe):
    """Learns from labels alone and writes nothing. Its rewards are not journaled: a single forward pass gives all
    rewards of a solution again."""

    kind = "discriminative"
    adapter = "token-classifier"
    record = LabelledSolution
    part = LABELLED
    mode = Mode.DIRECT
    writes = False

    def wanted(self, settings: TrainingSettings) -> bool:
        """`training.discriminative`."""
        return settings.discriminative

    def manifest(self, mode: Mode, verifier: VerifierSettings) -> dict[str, Any]:
        """Nothing: its architecture says how it is asked."""
        return {}

    def train(
        self, examples: Sequence[Any], job: TrainingJob, env: Mapping[str, str], log: Callable[[str], None]
    ) -> TrainingReport:
        """Cross-entropy at the end of each labelled step."""
        return train_discriminative(examples, job, env, log)
