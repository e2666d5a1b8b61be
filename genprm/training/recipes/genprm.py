"""GenPRM: a language model that takes a turn per step, in one of the modes (paper 5.1)."""

from __future__ import annotations

from typing import Any, ClassVar

from genprm.journal import Journal, row_key
from genprm.modes import Mode
from genprm.records import StepwiseSolution, TrainingExample
from genprm.reward_models.base import Paths
from genprm.reward_models.kept_paths import JournaledPaths
from genprm.reward_models.registry import VERIFIER
from genprm.settings import VerifierSettings
from genprm.training.recipes.base import PathKeys, Recipe


class GenPRMRecipe(Recipe):
    """Fine-tuned on the conversations of its mode, and asked in the same form."""

    kind = "genprm"
    adapter = VERIFIER
    record: ClassVar[type[Any]] = TrainingExample

    def manifest(self, mode: Mode, verifier: VerifierSettings) -> dict[str, Any]:
        """Mode, turn format and sampling."""
        return {"inference_mode": mode, "verifier": verifier.model_dump(mode="json")}

    def paths(self, journal: Journal, keys: PathKeys) -> Paths:
        """Verification paths, keyed by the artifact's row, the mode and the verifier's settings."""
        how = (keys.version, keys.checkpoint, keys.mode, *keys.further, keys.verifier.deciding(keys.mode))

        def key(solution: StepwiseSolution, number: int) -> str:
            return row_key(*keys.rows[solution], number, *how)

        return JournaledPaths(journal, key)
