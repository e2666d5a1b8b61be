"""What a reward model is asked and what it answers: one interface for GenPRM and the models it is compared with."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from genprm.modes import Mode
from genprm.records import StepVerification, StepwiseSolution, Verification, VoteReading
from genprm.settings import VerifierSettings
from genprm.verification.published import Preset
from genprm.verification.rewards import Reading, first_error

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of solutions that were finished since the last call."""


@dataclass(frozen=True, slots=True)
class SolutionScore:
    """What a reward model says about one solution.

    `rewards[t]` in [0, 1] belongs to step t; they may end early, at the first step that the model calls wrong.
    `path_rewards` are those of each sampled path, one path for a model that does not sample. `verdict` is the
    0-based index of the first wrong step where the model names one itself (-1: none; the number of steps: no answer
    could be read), None where the first reward below a threshold says it. `outcome` in [0, 1] is the model's own
    score of the whole solution, None where it has none. `tokens` were generated, `prompt_tokens` read.

    `unjudged` are the 0-based steps that were reached and on which no path gave a verdict: their rewards say
    nothing. `undecided` says that no path gave an outcome: `outcome` says nothing.

    A verifier also gives the number of code blocks it ran (`executions`), what its rewards were read from
    (`reading`; None where they are the model's own numbers), and on request (`Asking`) how it judged on each path
    (`verifications`). The texts of a path that was kept without them are empty.
    """

    rewards: list[float]
    path_rewards: list[list[float]]
    prompt_tokens: int
    tokens: int = 0
    verdict: int | None = None
    outcome: float | None = None
    executions: int = 0
    reading: VoteReading | None = None
    verifications: tuple[Verification, ...] = ()
    unjudged: list[int] = field(default_factory=list)
    undecided: bool = False

    def first_error(self, threshold: float) -> int:
        """The model's own verdict, or else the 0-based first step with a reward below `threshold`; -1 for none."""
        return first_error(self.rewards, threshold) if self.verdict is None else self.verdict


@dataclass(frozen=True, slots=True)
class VerdictCounts:
    """How many verdicts a model that writes had to give, and how they came about.

    `forced` were asked for because rounds or tokens had run out, and `missing` were not given at all. `texts` is
    the number of texts that were each written in one go; `cut` of them ended at their token limit, `empty` of them
    hold nothing.
    """

    verdicts: int = 0
    forced: int = 0
    missing: int = 0
    texts: int = 0
    cut: int = 0
    empty: int = 0

    @classmethod
    def of_steps(cls, steps: Iterable[StepVerification]) -> VerdictCounts:
        """The counts of judged steps."""
        judged = list(steps)
        missing = sum(step.verdict == "none" for step in judged)
        forced = sum(step.forced and step.verdict != "none" for step in judged)
        return cls(len(judged), forced, missing)

    def __add__(self, other: VerdictCounts) -> VerdictCounts:
        fields = dataclasses.asdict(self)
        return VerdictCounts(**{name: count + getattr(other, name) for name, count in fields.items()})


class Paths:
    """A store of finished paths, as JSON: those of earlier runs are found in it, new ones are kept in it. This one
    finds nothing and keeps nothing."""

    def get(self, solution: StepwiseSolution, number: int) -> Any | None:
        """A path over a solution by its number from 0; None where there is none."""
        return None

    def put(self, solution: StepwiseSolution, number: int, path: Any) -> None:
        """Keep a finished path, in place of a shorter one."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How a reward model is asked. A model that samples takes `votes` paths and keeps each in `paths`.

    `changes` are `model.key=value` changes to the model's own settings (`genprm.settings`). The other fields are
    for verifiers. `mode`, `verifier`, `preset` and `system` take the place of what a checkpoint says about itself.
    With `until`, each path is judged only as far as Maj@N and Pass@1 need it to find the first step with a reward
    below that value (`genprm.verification.voting.Vote`); without it, over all steps. `texts` asks for the text of
    every path; `kept_texts` is the number of paths, from the first, whose text is kept in `paths` and returned.
    """

    votes: int = 1
    mode: Mode | None = None
    verifier: VerifierSettings | None = None
    system: str | None = None
    until: float | None = None
    texts: bool = False
    kept_texts: int = 0
    paths: Paths = field(default_factory=Paths)
    preset: Preset | None = None
    changes: tuple[str, ...] = ()


class RewardModel(ABC):
    """A model that scores the steps of solutions."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Path or hub id of the weights."""

    @property
    def mode(self) -> Mode | None:
        """The mode of a verifier; None for a model that has one way of judging."""
        return None

    @abstractmethod
    async def score_many(
        self, solutions: Sequence[StepwiseSolution], progress: Progress | None = None
    ) -> list[SolutionScore]:
        """Scores of many solutions, in order.

        Raises:
            EngineError: the model cannot be asked (it is closed, or a solution does not fit its context).
        """

    async def score(self, problem: str, steps: Sequence[str]) -> SolutionScore:
        """The score of one solution."""
        (score,) = await self.score_many([StepwiseSolution(problem, tuple(steps))])
        return score

    def reading(self) -> Reading | None:
        """How a verifier has read its rewards so far; None for a model whose rewards are its own numbers."""
        return None

    def verdict_counts(self) -> VerdictCounts | None:
        """How the verdicts given so far came about; None for a model that writes none."""
        return None

    async def close(self) -> None:  # noqa: B027 - most have nothing of their own to free
        """Free what the model has loaded itself. An engine belongs to the machine that the model was opened on."""
