"""GenPRM trained further by reinforcement, on the solutions that it was fine-tuned on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genprm.modes import Mode
from genprm.records import NO_ERROR
from genprm.settings import TrainingSettings
from genprm.training.discriminative_data import LabelledSolution
from genprm.training.job import TrainingJob
from genprm.training.recipes.discriminative import LABELLED
from genprm.training.recipes.genprm import GenPRMRecipe
from genprm.training.report import TrainingReport
from genprm.training.rl.episodes import LabelledCase
from genprm.training.rl.job import ReinforcementJob, train_further


class ReinforcedRecipe(GenPRMRecipe):
    """Starts from the full model; learns from labels, and is asked as before."""

    kind = "rl"
    record = LabelledSolution
    part = LABELLED
    further = True

    def wanted(self, settings: TrainingSettings) -> bool:
        """`training.rl`."""
        return settings.rl is not None

    def judging(self, mode: Mode) -> str:
        """The mode, and that it was trained further."""
        return f"{mode.value}.{self.kind}"

    def train(
        self, examples: Sequence[Any], job: TrainingJob, env: Mapping[str, str], log: Callable[[str], None]
    ) -> TrainingReport:
        """Group-relative policy optimisation; `job` is a `ReinforcementJob`."""
        assert isinstance(job, ReinforcementJob)
        return train_further([labelled_case(example) for example in examples], job, env, log)


def labelled_case(solution: LabelledSolution) -> LabelledCase:
    """The solution up to its first wrong step, with the index of that step.

    >>> labelled_case(LabelledSolution("a", "1 + 1?", ["1 + 1 = 3"], [0])).label
    0
    """
    label = solution.labels.index(0) if 0 in solution.labels else NO_ERROR
    return LabelledCase(solution.id, solution.problem, solution.steps, label)
