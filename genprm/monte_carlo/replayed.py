"""Recorded rollouts replayed under other rules: how many labels fewer rollouts would have changed.

A replay draws nothing. It hands the recorded outcomes of a step to the estimation in order, as many as a rule asks
for. Rollouts of one step are exchangeable, so they are dealt in several orders.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from genprm.intervals import Interval, percentile_interval
from genprm.labels.progress import label_steps
from genprm.monte_carlo.estimation import StepEstimation
from genprm.records import StepScores
from genprm.settings import LabelVariant, MonteCarloSettings, SequentialSettings

ORDERS = 3
"""Orders in which the rollouts of a solution are dealt: as they were drawn, and shuffled."""
RESAMPLES = 1000
SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""The smaller fixed numbers of rollouts that are tried, as shares of K."""
ERRORS = (0.2, 0.1, 0.05, 0.01)
FLIPS = (0.1, 0.05, 0.02)


RuleKind = Literal["fixed", "decided", "settled"]
"""A part of K for every step; sequential estimation that stops where a label is decided; one that also stops where
the label has settled."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How many rollouts are spent on steps that have K recorded ones: a share of K, at least one rollout; or as
    many as sequential estimation asks for, up to K, at an error probability (and one of a flip)."""

    kind: RuleKind
    share: float = 1.0
    error: float = 0.0
    flip: float = 0.0

    def settings(self, most: int, sequential: SequentialSettings) -> MonteCarloSettings:
        """How rollouts are drawn where K is `most`."""
        if self.kind == "fixed":
            return MonteCarloSettings(tiers=(), rollouts_otherwise=max(1, round(self.share * most)))
        stopping = sequential.model_copy(update={"error": self.error, "flip": self.flip})
        return MonteCarloSettings(estimator="sequential", tiers=(), rollouts_otherwise=most, sequential=stopping)


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of one rule: rollouts in percent of those recorded; steps in percent whose label is unlike that of
    all recorded rollouts, with the 95 % interval over solutions."""

    rule: Rule
    rollouts: float
    unlike: float
    low: float
    high: float


def rules(settings: SequentialSettings) -> list[Rule]:
    """The rules to try: shares of K, and sequential estimation at several probabilities of an error or a flip."""
    return [
        *(Rule("fixed", share=share) for share in SHARES),
        *(Rule("decided", error=error) for error in ERRORS),
        *(Rule("settled", error=settings.error, flip=flip) for flip in FLIPS),
    ]


def replayed(scores: StepScores, outcomes: Sequence[str], settings: MonteCarloSettings) -> StepScores:
    """The scores that `settings` would have given on `outcomes`, the recorded rollouts of the steps of `scores`.

    Raises:
        ValueError: more rollouts are asked for than were recorded.
    """
    estimation = StepEstimation(len(scores.mc), scores.mc[-1] > 0, scores.pass_at_1, settings)
    while draws := estimation.next_draws():
        dealt = [outcomes[draw.done - 1][draw.first : draw.first + draw.count] for draw in draws]
        for draw, part in zip(draws, dealt, strict=True):
            if len(part) < draw.count:
                asked, there = draw.first + draw.count, len(outcomes[draw.done - 1])
                raise ValueError(
                    f"solution {scores.solution_id!r}, step {draw.done - 1}: {asked} rollouts are asked for, "
                    f"{there} were recorded"
                )
        estimation.record([part.count("1") for part in dealt])
    return StepScores(
        scores.solution_id,
        scores.problem_id,
        scores.pass_at_1,
        estimation.mc,
        estimation.rollouts,
        0,
        list(estimation.stopped),
    )


def replay(rows: Sequence[StepScores], settings: SequentialSettings, seed: int = 0) -> list[Replay]:
    """Replay every rule on the same recorded rollouts, in the same orders. The rows are of estimation with fixed K.

    The reference labels are those of all recorded rollouts under the relative-progress ratio at `settings.epsilon`.
    Smaller samples are parts of the full one, which agrees with the reference by construction: the curve says what
    fewer rollouts change, not how far the labels are from the truth.

    Raises:
        ValueError: no rows, or rows that lack rollouts which a rule asks for.
    """
    if not rows:
        raise ValueError("no step scores to replay; at least one solution is needed")
    dealt = [_orders(row, random.Random(f"{seed} {row.solution_id}")) for row in rows]
    return [_compare(rows, dealt, rule, settings, seed) for rule in rules(settings)]


def _orders(row: StepScores, rng: random.Random) -> list[list[str]]:
    shuffled = [["".join(rng.sample(one, len(one))) for one in row.outcomes] for _ in range(ORDERS - 1)]
    return [row.outcomes, *shuffled]


def _compare(
    rows: Sequence[StepScores],
    dealt: Sequence[Sequence[Sequence[str]]],
    rule: Rule,
    sequential: SequentialSettings,
    seed: int,
) -> Replay:
    variant = LabelVariant(epsilon=sequential.epsilon)
    unlike, spent = [], 0
    for row, orders in zip(rows, dealt, strict=True):
        settings = rule.settings(max(row.rollouts), sequential)
        wanted = label_steps(row, variant).labels
        made = [replayed(row, outcomes, settings) for outcomes in orders]
        labels = [label_steps(one, variant).labels for one in made]
        unlike.append(sum(a != b for one in labels for a, b in zip(one, wanted, strict=True)) / ORDERS)
        spent += sum(sum(one.rollouts) for one in made)
    steps = np.array([len(row.mc) for row in rows])
    recorded = sum(sum(row.rollouts) for row in rows)
    low, high = _interval(np.array(unlike), steps, seed)
    share = 100 * spent / (ORDERS * recorded) if recorded else 0.0
    return Replay(rule, share, 100 * sum(unlike) / int(steps.sum()), low, high)


def _interval(unlike: npt.NDArray[np.float64], steps: npt.NDArray[np.int64], seed: int) -> Interval:
    chosen = np.random.default_rng(seed).integers(len(steps), size=(RESAMPLES, len(steps)))
    return percentile_interval(100 * unlike[chosen].sum(axis=1) / steps[chosen].sum(axis=1))
