"""From Monte-Carlo scores to a label for every step (paper 4.2, table 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from genprm.data_sets.rows import Row, counts_field, id_field, share_field, shares_field
from genprm.records import NO_ERROR, StepLabels, StepScores
from genprm.registry import ESTIMATORS
from genprm.settings import LabelVariant


def zero_from_first_zero(mc: Sequence[float]) -> list[float]:
    """Scores with everything after the first 0 set to 0: nothing is reached through a step that reaches nothing.

    >>> zero_from_first_zero([0.5, 0.0, 0.25])
    [0.5, 0.0, 0.0]
    """
    alive = True
    result = []
    for score in mc:
        alive = alive and score > 0
        result.append(score if alive else 0.0)
    return result


def label_steps(scores: StepScores, variant: LabelVariant) -> StepLabels:
    """Labels of one solution: 1 where the estimator finds enough progress.

    From the first step with MC = 0 (the paper's first erroneous step), every label is 0 under every estimator.
    Before that step, a 0 may be followed by a 1: labels are not monotone.

    Raises:
        ValueError: no steps.
    """
    if not scores.mc:
        raise ValueError(f"solution {scores.solution_id!r} has no step scores")
    estimator = ESTIMATORS.get(variant.estimator)
    propagated = dataclasses.replace(scores, mc=zero_from_first_zero(scores.mc))
    progress = estimator.progress(propagated)
    labels = [
        estimator.label(made, variant.epsilon) if score > 0 else 0
        for made, score in zip(progress, propagated.mc, strict=True)
    ]
    return StepLabels(
        solution_id=scores.solution_id,
        estimator=variant.estimator,
        epsilon=variant.epsilon,
        progress=progress,
        labels=labels,
        first_error=labels.index(0) if 0 in labels else NO_ERROR,
    )


class Found(NamedTuple):
    """Labels compared with known first errors: a hit is a first wrong step labelled 0, a false alarm a right step
    before it labelled 0. Steps behind a first error are ignored."""

    hits: int
    alarms: int
    wrong: int

    @property
    def f1(self) -> float:
        """F1 in percent; 0 where there are neither errors nor false alarms."""
        return 200 * self.hits / (self.hits + self.alarms + self.wrong) if self.alarms or self.wrong else 0.0


def found_errors(rows: Iterable[tuple[Sequence[int], int]]) -> Found:
    """Count hits and false alarms in pairs of labels and true first error (NO_ERROR without one)."""
    hits = alarms = wrong = 0
    for labels, first in rows:
        wrong += first != NO_ERROR
        hits += first != NO_ERROR and labels[first] == 0
        alarms += list(labels if first == NO_ERROR else labels[:first]).count(0)
    return Found(hits, alarms, wrong)


def label_rows(placed: Iterable[Row], variant: LabelVariant) -> list[StepLabels]:
    """Labels for objects `{"id", "pass_at_1", "mc": [per step]}`, in order (`genprm label`).

    Estimators that read rollouts need `"rollouts": [per step]` too: the number of rollouts behind each score.

    Raises:
        InputError: a field is missing, or a score is outside [0, 1]; one line says which.
    """
    return [label_steps(_scores(row, where, variant), variant) for where, row in placed]


def _scores(row: dict[str, Any], where: str, variant: LabelVariant) -> StepScores:
    mc = shares_field(row, "mc", where)
    counted = ESTIMATORS.get(variant.estimator).reads_rollouts
    return StepScores(
        solution_id=id_field(row, where),
        problem_id="",
        pass_at_1=share_field(row, "pass_at_1", where),
        mc=mc,
        rollouts=counts_field(row, "rollouts", where, len(mc)) if counted else [],
        tokens=0,
    )


def label_json(labels: StepLabels) -> dict[str, object]:
    """The output row of `genprm label`: `{"id", "progress", "labels"}`."""
    return {"id": labels.solution_id, "progress": labels.progress, "labels": labels.labels}
