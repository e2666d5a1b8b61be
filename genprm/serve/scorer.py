"""Judges solutions for all requests at once; the engine batches what is in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import HTTPException

from genprm.data_sets.rows import InputError
from genprm.data_sets.written_solutions import WrittenSolution
from genprm.engines.base import EngineError
from genprm.event_loops import Places, together
from genprm.modes import Mode
from genprm.records import NO_ERROR, StepVerification
from genprm.reward_models.base import RewardModel, SolutionScore
from genprm.reward_models.genprm import GenPRMRewardModel, Told
from genprm.serve.limits import Limits
from genprm.serve.metrics import Metrics
from genprm.verification.voting import majority_rewards, silent_steps


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a request; None means as the server was started.

    After `deadline` seconds the answer is what has been judged by then. `told` is called with every judged step.
    """

    votes: int | None = None
    mode: Mode | None = None
    deadline: float | None = None
    told: Told | None = None

    @property
    def as_started(self) -> bool:
        """Whether no option is set, so that any model can answer."""
        return self == Asked()


@dataclass(frozen=True, slots=True)
class Judged:
    """A score, and the 0-based steps without a verdict: their reward, where there is one, says nothing.

    `complete` is false when the deadline came first.
    """

    score: SolutionScore
    unjudged: list[int]
    complete: bool = True

    def first_error(self, threshold: float) -> int | None:
        """0-based index of the first wrong step, -1 if there is none; None if an unjudged step leaves it open."""
        wrong = self.score.first_error(threshold)
        return None if self.unjudged and wrong in (NO_ERROR, len(self.score.rewards)) else wrong

    def step_rewards(self, where: str) -> list[float]:
        """The reward of every step that the model judges.

        Raises:
            EngineError: a step was not judged.
        """
        if self.unjudged or not self.score.rewards:
            raise EngineError(f"{where}: no verdict on step {self.unjudged[0] + 1 if self.unjudged else 1}")
        return self.score.rewards

    def outcome(self, where: str) -> float:
        """One number for a whole solution: the model's own score of it, else its lowest step reward.

        Raises:
            EngineError: a step was not judged, or the model gave no verdict on the whole solution.
        """
        if self.score.outcome is None:
            return min(self.step_rewards(where))
        if self.score.undecided:
            raise EngineError(f"{where}: no verdict on the solution")
        return self.score.outcome


@dataclass
class _Heard:
    """The judgements so far, by path and step; each one is also passed on to `others`."""

    others: Told | None
    paths: dict[int, list[StepVerification]] = field(default_factory=dict)

    def __call__(self, path: int, step: int, judgement: StepVerification) -> None:
        self.paths.setdefault(path, []).append(judgement)
        if self.others is not None:
            self.others(path, step, judgement)

    def so_far(self, steps: int) -> Judged:
        """The vote on the steps that all paths begun so far have reached."""
        paths = list(self.paths.values())
        length = min((len(path) for path in paths), default=0)
        rewards = [[judgement.reward for judgement in path] for path in paths]
        silent = silent_steps([path[:length] for path in paths])
        score = SolutionScore(
            rewards=majority_rewards([path[:length] for path in rewards]) if length else [],
            path_rewards=rewards,
            prompt_tokens=0,
            tokens=sum(judgement.tokens for path in paths for judgement in path),
        )
        return Judged(score, [*silent, *range(length, steps)], complete=False)


class Scorer:
    """The model, and the queue in front of it."""

    def __init__(self, model: RewardModel, limits: Limits, threshold: float) -> None:
        self.model = model
        self.threshold = threshold
        self.metrics = Metrics(lambda: self._waiting)
        self.limits = limits
        self._places = Places(limits.concurrent)
        self._waiting = 0

    async def score(self, solutions: Sequence[WrittenSolution], asked: Asked = Asked()) -> list[Judged]:
        """The judgements, in order.

        Raises:
            InputError: the model does not take options, and some are set.
            HTTPException: too many solutions are waiting (503), or the time limit passed (504).
            EngineError, SandboxError: as raised by the model.
        """
        if not asked.as_started:
            self.require_verifier()
        if self._waiting + len(solutions) > self.limits.waiting:
            raise HTTPException(503, "too many solutions are waiting", {"Retry-After": "1"})
        self._waiting += len(solutions)
        try:
            async with asyncio.timeout(self.limits.seconds):
                judged = await together([self._judge(one, asked) for one in solutions])
        except TimeoutError:
            raise HTTPException(504, f"not judged within {self.limits.seconds:g} s") from None
        finally:
            self._waiting -= len(solutions)
        for one in judged:
            self.metrics.count(one.score.tokens, len(one.score.rewards), len(one.unjudged))
        return judged

    def require_verifier(self) -> None:
        """Refuse options on how to judge where the model has a single way of judging.

        Raises:
            InputError: the model is no verifier.
        """
        if not isinstance(self.model, GenPRMRewardModel):
            raise InputError(
                f"model {self.model.name!r} has one way of judging, allowed: no votes, mode, deadline or stream"
            )

    async def _judge(self, solution: WrittenSolution, asked: Asked) -> Judged:
        heard, model = _Heard(asked.told), self.model
        if isinstance(model, GenPRMRewardModel) and not asked.as_started:
            told = heard if asked.told is not None or asked.deadline is not None else None
            model = model.asked(asked.votes, asked.mode, told)
        try:
            async with asyncio.timeout(asked.deadline), self._places.here():
                score = await model.score(solution.problem, solution.steps)
        except TimeoutError:
            if asked.deadline is None:
                raise
            return heard.so_far(len(solution.steps))
        return Judged(score, score.unjudged)
