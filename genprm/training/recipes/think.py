"""ThinkPRM on the data of GenPRM: one long verification of a whole solution (arXiv 2504.16828)."""

from __future__ import annotations

from genprm.journal import Journal, row_key
from genprm.modes import Mode
from genprm.records import StepwiseSolution, TrainingExample
from genprm.reward_models.base import Paths
from genprm.reward_models.kept_paths import JournaledPaths
from genprm.reward_models.think_prm import THINKPRM
from genprm.settings import TrainingSettings
from genprm.training.recipes.base import PathKeys, Recipe

CHAINS = "think"
"""The store's name, in the place of a mode, for the conversations of ThinkPRM."""
THINKING_VERSION = "1"
"""Increased when the way of asking a ThinkPRM changes, so that its paths are sampled again."""


class ThinkRecipe(Recipe):
    """Fine-tuned on chains of one question and one answer; Best-of-N ranks by its P(yes) for a solution."""

    kind = "think"
    adapter = THINKPRM
    record = TrainingExample
    part = CHAINS
    mode = Mode.COT
    ranks_by_outcome = True

    def wanted(self, settings: TrainingSettings) -> bool:
        """`training.think`."""
        return settings.think

    def paths(self, journal: Journal, keys: PathKeys) -> Paths:
        """Chains, keyed by the text of a solution, whichever row holds it."""
        how = (THINKING_VERSION, keys.checkpoint, keys.verifier.seed)

        def key(solution: StepwiseSolution, number: int) -> str:
            return row_key(*how, solution.problem, solution.steps, number)

        return JournaledPaths(journal, key)
