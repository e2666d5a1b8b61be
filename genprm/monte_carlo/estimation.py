"""Scores for the steps of one solution: K rollouts each, or as many as it takes to decide the label."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from genprm.answers.checker import AnswerChecker
from genprm.engines.base import Engine
from genprm.event_loops import together
from genprm.journal import Journal
from genprm.monte_carlo.rollouts import Draw, RolloutSource, batch_ends, draws_between, rollouts_for
from genprm.monte_carlo.stopping import Count, StopReason, stop_reason
from genprm.records import Solution, StepScores
from genprm.settings import MonteCarloSettings

Rounds = Generator[list[Draw], Sequence[int], StopReason]
"""Asks for batches that may be drawn together, is sent how many of each reached the answer, ends with a reason."""


class StepEstimation:
    """The scores of one solution while they are being made. It draws nothing itself: it says what to draw (`draws`,
    None when all is done), and whoever draws it, be it with an engine or in a simulation, says what came of it
    (`take`).

    Steps go one after another, because the first with MC = 0 ends the work: all later scores are 0 without
    rollouts. The last step needs none: it is 1.0 or 0.0 by the solution's answer.
    """

    def __init__(self, steps: int, correct: bool, pass_at_1: float, settings: MonteCarloSettings) -> None:
        self._steps = steps
        self._correct = correct
        self._pass_at_1 = pass_at_1
        self._settings = settings
        self._most = rollouts_for(pass_at_1, settings)
        self._reached: list[int] = []
        self._drawn: list[int] = []
        self.stopped: list[StopReason] = []
        self._rounds = self._all_steps()
        self.draws = next(self._rounds, None)
        """Batches to be drawn next, all at once if one likes."""

    def take(self, reached: Sequence[int]) -> None:
        """How many rollouts of each of the `draws` reached the answer."""
        try:
            self.draws = self._rounds.send(reached)
        except StopIteration:
            self.draws = None

    def _all_steps(self) -> Generator[list[Draw], Sequence[int], None]:
        for done in range(1, self._steps + 1):
            self._reached.append(0)
            self._drawn.append(0)
            self.stopped.append((yield from self._step(done)))

    def _step(self, done: int) -> Rounds:
        if done > 1 and self._reached[done - 2] == 0:
            return "after_dead"
        if done == self._steps:
            return "last"
        if self._settings.estimator == "fixed":
            yield from self._draw([*draws_between(done, 0, self._most)])
            return "all_drawn"
        return (yield from self._until_decided(done))

    def _until_decided(self, done: int) -> Rounds:
        """Batch after batch. The step before is drawn on as well, so that it has as many rollouts: a label compares
        the two, and the rarer draws are the ones that limit it."""
        dead_below = min(self._settings.sequential.dead_below, self._pass_at_1 / 2)
        for end in batch_ends(self._most):
            draws = [*draws_between(done, self._drawn[done - 1], end)]
            if done > 1:
                draws += draws_between(done - 1, self._drawn[done - 2], end)
            yield from self._draw(draws)
            before = self._count(done - 1) if done > 1 else self._pass_at_1
            reason = stop_reason(self._count(done), before, self._most, dead_below, self._settings.sequential)
            if reason is not None:
                return reason
        return "all_drawn"

    def _draw(self, draws: list[Draw]) -> Generator[list[Draw], Sequence[int], None]:
        reached = yield draws
        for draw, count in zip(draws, reached, strict=True):
            self._reached[draw.done - 1] += count
            self._drawn[draw.done - 1] += draw.count

    def _count(self, done: int) -> Count:
        return Count(self._reached[done - 1], self._drawn[done - 1])

    @property
    def rollouts(self) -> list[int]:
        """Rollouts drawn per step."""
        return list(self._drawn)

    @property
    def mc(self) -> list[float]:
        """MC(s_t, a_t) per step."""
        scores = [self._count(n + 1).share if drawn else 0.0 for n, drawn in enumerate(self._drawn)]
        if self.stopped[-1] == "last":
            scores[-1] = float(self._correct)
        return scores


async def score_steps(
    solution: Solution,
    engine: Engine,
    settings: MonteCarloSettings,
    answers: AnswerChecker,
    journal: Journal | None = None,
    made_by: Any = None,
) -> StepScores:
    """MC(s_t, a_t) of every step of one solution.

    With a `journal` finished batches are taken from it and put into it, so that a broken run goes on and a larger K
    tops up; `made_by` says what else, beside the settings, decides what the engine says.
    """
    source = RolloutSource(solution, engine, settings, answers, journal, made_by)
    estimation = StepEstimation(len(solution.steps), solution.correct, solution.pass_at_1, settings)
    outcomes = [""] * len(solution.steps)
    tokens = prompt_tokens = 0
    while estimation.draws is not None:
        draws = estimation.draws
        graded = await together(source.draw(draw) for draw in draws)
        for draw, batch in zip(draws, graded, strict=True):
            outcomes[draw.done - 1] += batch.outcomes
            tokens += batch.tokens
            prompt_tokens = max(prompt_tokens, batch.prompt_tokens)
        estimation.take([batch.reached for batch in graded])
    return StepScores(
        solution_id=solution.id,
        problem_id=solution.problem_id,
        pass_at_1=solution.pass_at_1,
        mc=estimation.mc,
        rollouts=estimation.rollouts,
        tokens=tokens,
        stopped=[str(reason) for reason in estimation.stopped],
        decided_for=settings.sequential.epsilon if settings.estimator == "sequential" else None,
        outcomes=outcomes,
        prompt_tokens=prompt_tokens,
    )
