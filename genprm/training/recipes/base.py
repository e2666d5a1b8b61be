"""A kind of model that is trained here, as one object: what it learns from, how it is trained, opened and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from genprm.journal import Journal
from genprm.modes import Mode
from genprm.records import StepwiseSolution
from genprm.reward_models.base import Paths
from genprm.settings import TrainingSettings, VerifierSettings
from genprm.training.job import TrainingJob
from genprm.training.launch import run_training
from genprm.training.report import TrainingReport


@dataclass(frozen=True, slots=True)
class PathKeys:
    """The parts of the journal keys under which an artifact keeps verification paths, besides the number of a path.

    `rows` has the artifact's own key of every solution; `version` is the version of the artifact's way of judging,
    and `further` is what else decides its paths. `checkpoint` is the version of the weights.
    """

    version: str
    checkpoint: str
    mode: Mode
    verifier: VerifierSettings
    rows: Mapping[StepwiseSolution, tuple[Any, ...]]
    further: tuple[Any, ...] = ()


class Recipe:
    """A kind of model.

    `kind` is its name in keys of models, `adapter` that of the reward model which opens its checkpoints
    (`genprm.reward_models.registry`), `record` a row of its training data.
    """

    kind: ClassVar[str]
    adapter: ClassVar[str]
    record: ClassVar[type[Any]]
    part: ClassVar[str | None] = None
    """The name of its part of the training set, used in place of a mode; None for the conversations of its mode."""
    mode: ClassVar[Mode | None] = None
    """For a kind with a single way of judging, the mode that is nearest in what it reads and writes; else None."""
    writes: ClassVar[bool] = True
    """Whether it writes before it judges, so that the tokens of a response can be counted."""
    further: ClassVar[bool] = False
    """Whether training starts from the full model of the same base and variant, and not from the base."""
    ranks_by_outcome: ClassVar[bool] = False
    """Whether Best-of-N takes its score of the whole solution in place of those of the steps."""

    @property
    def by_step(self) -> bool:
        """Whether it judges a step at a time, in any of the modes."""
        return self.mode is None

    def wanted(self, settings: TrainingSettings) -> bool:
        """Whether a profile asks for this kind beside the modes."""
        return False

    def asked_in(self, mode: Mode) -> Mode | None:
        """The mode in which its reward model is asked; None for a kind with one way of judging."""
        return mode if self.by_step else None

    def judging(self, mode: Mode) -> str:
        """How a model of this kind judges, for people."""
        return mode.value if self.by_step else self.kind

    def data(self, mode: Mode) -> str:
        """The part of the training set that a model of this kind and mode learns from."""
        return self.part or mode

    def manifest(self, mode: Mode, verifier: VerifierSettings) -> dict[str, Any]:
        """The part of a checkpoint's manifest that says how the model is asked: its adapter, unless overridden."""
        return {"adapter": self.adapter}

    def train(
        self, examples: Sequence[Any], job: TrainingJob, env: Mapping[str, str], log: Callable[[str], None]
    ) -> TrainingReport:
        """Make the checkpoint of a job, in a process of its own: by supervised fine-tuning, unless overridden.

        Raises:
            ValueError: no examples.
            TrainingError: the process failed.
        """
        return run_training(examples, job, env, log)

    def paths(self, journal: Journal, keys: PathKeys) -> Paths:
        """Where the paths that a model of this kind samples are kept."""
        return Paths()
