"""Scores for the steps of one solution: K rollouts each, or as many as it takes to decide the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genprm.domains.base import Grader
from genprm.engines.base import Engine
from genprm.event_loops import together
from genprm.journal import Journal
from genprm.journaled_sampler import JournaledSampler
from genprm.monte_carlo.rollouts import Draw, batch_ends, draws_between, graded, rollouts_for
from genprm.monte_carlo.stopping import Count, StopReason, stop_reason
from genprm.records import Solution, StepScores
from genprm.settings import MonteCarloSettings


class StepEstimation:
    """The state of one solution's scores while they are being estimated.

    It draws nothing itself: `next_draws` says which batches of rollouts are due. The caller draws them (from an
    engine, a replay or a simulation) and passes the results to `record`.

    Steps are estimated one after another, because the first with MC = 0 ends the work: all later scores are 0
    without rollouts. The last step needs none: its score is 1.0 or 0.0 by the solution's answer.
    """

    def __init__(self, steps: int, correct: bool, pass_at_1: float, settings: MonteCarloSettings) -> None:
        self._steps = steps
        self._correct = correct
        self._pass_at_1 = pass_at_1
        self._settings = settings
        self._most = rollouts_for(pass_at_1, settings)
        fixed = settings.estimator == "fixed"
        self._ends = [self._most] if fixed else batch_ends(self._most)
        """Numbers of rollouts per step at which the stopping rule is checked."""
        self._reached = [0] * steps
        self.rollouts = [0] * steps
        """Rollouts drawn per step."""
        self._looks = 0
        """How often the stopping rule has been checked for the current step."""
        self.stopped: list[StopReason] = []
        self._skip_steps_without_rollouts()

    def next_draws(self) -> list[Draw]:
        """The batches that are due, which may be drawn together; empty when the scores are complete.

        A label compares a step with the one before. Sequential estimation therefore draws rollouts of both until
        they have the same number: the smaller sample limits the comparison.
        """
        if len(self.stopped) == self._steps:
            return []
        done, wanted = len(self.stopped) + 1, self._ends[self._looks]
        draws = [*draws_between(done, self.rollouts[done - 1], wanted)]
        if self._settings.estimator == "sequential" and done > 1:
            draws += draws_between(done - 1, self.rollouts[done - 2], wanted)
        return draws

    def record(self, reached: Sequence[int]) -> None:
        """Record how many rollouts reached the answer, for each of `next_draws`.

        Raises:
            ValueError: not one number for each of them.
        """
        for draw, count in zip(self.next_draws(), reached, strict=True):
            self._reached[draw.done - 1] += count
            self.rollouts[draw.done - 1] += draw.count
        self._looks += 1
        reason = self._stop_reason()
        if reason is not None:
            self.stopped.append(reason)
            self._looks = 0
            self._skip_steps_without_rollouts()

    def _stop_reason(self) -> StopReason | None:
        """Why the current step has enough rollouts; None while it has not."""
        done = len(self.stopped) + 1
        if self._settings.estimator == "sequential":
            sequential = self._settings.sequential
            before = self._count(done - 1) if done > 1 else self._pass_at_1
            dead_below = min(sequential.dead_below, self._pass_at_1 / 2)
            decided = stop_reason(self._count(done), before, self._most, dead_below, sequential)
            if decided is not None:
                return decided
        return "all_drawn" if self._looks == len(self._ends) else None

    def _skip_steps_without_rollouts(self) -> None:
        while (done := len(self.stopped) + 1) <= self._steps:
            if done > 1 and self._reached[done - 2] == 0:
                self.stopped.append("after_dead")
            elif done == self._steps:
                self.stopped.append("last")
            else:
                return

    def _count(self, done: int) -> Count:
        return Count(self._reached[done - 1], self.rollouts[done - 1])

    @property
    def mc(self) -> list[float]:
        """MC(s_t, a_t) per step."""
        scores = [self._count(n + 1).share if drawn else 0.0 for n, drawn in enumerate(self.rollouts)]
        if self.stopped[-1:] == ["last"]:
            scores[-1] = float(self._correct)
        return scores


async def score_steps(
    solution: Solution,
    engine: Engine,
    settings: MonteCarloSettings,
    grader: Grader,
    journal: Journal | None = None,
    made_by: Any = None,
) -> StepScores:
    """MC(s_t, a_t) of every step of one solution.

    With a `journal`, finished batches are read from it and written to it, so that an interrupted run resumes and a
    larger K only adds rollouts; `made_by` is what decides the engine's output besides the settings.
    """
    sampler = JournaledSampler(engine, settings, journal, made_by)
    estimation = StepEstimation(len(solution.steps), solution.correct, solution.pass_at_1, settings)
    outcomes = [""] * len(solution.steps)
    tokens = prompt_tokens = 0
    while draws := estimation.next_draws():
        batches = await together(graded(draw, solution, sampler, settings, grader) for draw in draws)
        for draw, batch in zip(draws, batches, strict=True):
            outcomes[draw.done - 1] += batch.outcomes
            tokens += batch.tokens
            prompt_tokens = max(prompt_tokens, batch.prompt_tokens)
        estimation.record([batch.reached for batch in batches])
    return StepScores(
        solution_id=solution.id,
        problem_id=solution.problem_id,
        pass_at_1=solution.pass_at_1,
        mc=estimation.mc,
        rollouts=estimation.rollouts,
        tokens=tokens,
        stopped=list(estimation.stopped),
        decided_for=settings.sequential.epsilon if settings.estimator == "sequential" else None,
        outcomes=outcomes,
        prompt_tokens=prompt_tokens,
    )
