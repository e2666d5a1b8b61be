"""What critics are worth: the policy's accuracy after each turn of refinement (paper table 2)."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from genprm.intervals import paired_difference
from genprm.lineup import SELF, Lineup
from genprm.results import paper
from genprm.results.claims import Claim, Side, claim
from genprm.results.measures import PAPER, Measure, Metric, Table, Unit
from genprm.scaling.refinement import RefinedAttempt
from genprm.store import TableStore


def refinement_measures(lineup: Lineup, store: TableStore) -> tuple[list[Measure], list[Claim]]:
    """Accuracy after each turn by critic, what turns made right and wrong, and GenPRM against other critics."""
    settings, resamples = lineup.profile.refinement, lineup.profile.evaluation.bootstrap
    rows: list[Measure] = []
    claims: list[Claim] = []
    for answer_set in settings.sets:
        attempts = store.read(RefinedAttempt, "refinement", answer_set)
        turned = {critic: correct_by_turn(attempts, critic, settings.turns) for critic in lineup.critic_models}
        for critic, correct in turned.items():
            own = [row for row in attempts if row.critic == critic]
            rows += _Critic(answer_set, critic, correct, resamples).measures(own)
        for full in lineup.fulls:
            untrained = lineup.untrained(full.base)
            for other in (SELF, untrained.key if untrained else None):
                if other is not None:
                    claims.append(_critic_claim(answer_set, turned, (full.key, other), resamples))
    return [*rows, *(_paper_measures(settings.turns) if settings.sets else ())], claims


def _paper_measures(turns: int) -> Iterable[Measure]:
    for name, values in paper.REFINED.items():
        for turn, value in enumerate(values[: turns + 1]):
            yield Measure(
                table=Table.REFINEMENT,
                metric=Metric.ACCURACY,
                value=value,
                unit=Unit.PERCENT,
                count=0,
                model=name,
                turn=turn,
                source=PAPER,
            )


Correct = dict[tuple[str, str], list[bool]]
"""(problem, solution) -> whether the answer is right after turn 0, 1, ...; after the last one it stays the same."""


def correct_by_turn(attempts: Sequence[RefinedAttempt], critic: str, turns: int) -> Correct:
    """Whether each solution is right after every turn under one critic."""
    found: Correct = {}
    for row in attempts:
        if row.critic == critic:
            found.setdefault((row.problem_id, row.solution_id), []).append(row.correct)
    return {key: [values[min(turn, len(values) - 1)] for turn in range(turns + 1)] for key, values in found.items()}


def _by_problem(values: Mapping[tuple[str, str], float]) -> list[list[float]]:
    groups: dict[str, list[float]] = {}
    for (problem, _), value in values.items():
        groups.setdefault(problem, []).append(value)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class _Critic:
    """What one critic did to the solutions of an answer set."""

    answer_set: str
    name: str
    correct: Correct
    resamples: int

    def measures(self, attempts: Sequence[RefinedAttempt]) -> list[Measure]:
        """All measures of this critic, whose attempts are `attempts`."""
        count = len(self.correct)
        asked = sum(row.turn == 0 and row.blamed is not None for row in attempts)
        made_right = sum(not values[0] and values[-1] for values in self.correct.values())
        made_wrong = sum(values[0] and not values[-1] for values in self.correct.values())
        tokens = sum(row.policy_tokens + row.critic_tokens for row in attempts) / count
        return [
            *self._turns(),
            self._measure(Metric.BLAMED, asked, Unit.COUNT),
            self._measure(Metric.MADE_RIGHT, made_right, Unit.COUNT),
            self._measure(Metric.MADE_WRONG, made_wrong, Unit.COUNT),
            self._measure(Metric.TOKENS_PER_SOLUTION, tokens, Unit.TOKENS),
        ]

    def _turns(self) -> Iterable[Measure]:
        for turn in range(len(next(iter(self.correct.values())))):
            shares = _by_problem({key: float(values[turn]) for key, values in self.correct.items()})
            found = paired_difference(shares, resamples=self.resamples)
            low, high = found.ci95
            accuracy = self._measure(Metric.ACCURACY, found.points, Unit.PERCENT)
            yield replace(accuracy, turn=turn, low=low, high=high)

    def _measure(self, metric: Metric, value: float, unit: Unit) -> Measure:
        return Measure(
            table=Table.REFINEMENT,
            metric=metric,
            value=value,
            unit=unit,
            count=len(self.correct),
            model=self.name,
            subset=self.answer_set,
        )


def _critic_claim(
    answer_set: str, turned: Mapping[str, Correct], critics: tuple[str, str], resamples: int
) -> Claim:
    """The claim that one critic leads to a higher accuracy than another."""
    (first, second), (ours, theirs) = critics, (turned[critic] for critic in critics)
    differences = {key: float(ours[key][-1]) - float(theirs[key][-1]) for key in ours}
    one, other = (
        Side(critic, 100 * statistics.fmean(values[-1] for values in turned[critic].values())) for critic in critics
    )
    found = paired_difference(_by_problem(differences), resamples=resamples)
    reported = (paper.REFINED["GenPRM-7B"][-1], paper.REFINED["self"][-1]) if second == SELF else None
    name = f"{answer_set}: {first} critic - {second}, after the last turn"
    return claim(name, Metric.ACCURACY, (one, other), found, len(ours), reported)
