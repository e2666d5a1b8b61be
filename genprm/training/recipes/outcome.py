"""A generative outcome verifier on the data of GenPRM: one critique of a whole solution (arXiv 2408.15240)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genprm.modes import Mode
from genprm.reward_models.outcome_verifier import OUTCOME_VERIFIER
from genprm.settings import TrainingSettings, VerifierSettings
from genprm.training.job import TrainingJob
from genprm.training.outcome_data import outcome_critiques
from genprm.training.recipes.think import ThinkRecipe
from genprm.training.report import TrainingReport


class OutcomeRecipe(ThinkRecipe):
    """Fine-tuned and asked as a ThinkPRM is, on critiques that end in one verdict on the whole solution."""

    kind = "outcome"
    adapter = OUTCOME_VERIFIER

    def wanted(self, settings: TrainingSettings) -> bool:
        """`training.outcome`."""
        return settings.outcome

    def manifest(self, mode: Mode, verifier: VerifierSettings) -> dict[str, Any]:
        """Its adapter."""
        return {"adapter": OUTCOME_VERIFIER}

    def train(
        self, examples: Sequence[Any], job: TrainingJob, env: Mapping[str, str], log: Callable[[str], None]
    ) -> TrainingReport:
        """Supervised fine-tuning on the critiques of chains."""
        return super().train(outcome_critiques(examples), job, env, log)
