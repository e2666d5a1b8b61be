"""Whether the rewards of a run are calibrated, and candidates with calibrated rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from genprm.evaluation.calibration import LabelledRewards, labelled_rewards, reliability_curve
from genprm.evaluation.calibrators import Calibrator, fit_isotonic, held_out_errors
from genprm.lineup import Lineup
from genprm.records import NO_ERROR, Prediction
from genprm.results.measures import Measure, Metric, Table, Unit
from genprm.scaling.best_of_n import Candidate


def calibration_measures(lineup: Lineup, predictions: Mapping[str, Sequence[Prediction]]) -> list[Measure]:
    """The calibration error of every model with step rewards, for the raw rewards and for rewards calibrated on the
    other half of the cases; and the reliability curve of the full models. Both use bins of equal mass.

    A model has neither unless it rewarded right and wrong steps in both halves: there would be nothing to fit.
    """
    rows: list[Measure] = []
    for model in lineup.judges:
        cases = predictions[model.key]
        if model.recipe.ranks_by_outcome or not can_be_fitted(cases):
            continue
        labelled = labelled_rewards(cases)
        error = Measure(
            table=Table.CALIBRATION,
            metric=Metric.CALIBRATION_ERROR,
            value=0.0,
            unit=Unit.PERCENT,
            count=len(labelled.rewards),
            model=model.key,
        )
        found = held_out_errors(cases)
        rows += [replace(error, setting=name, value=by_binning["mass"]) for name, by_binning in found.items()]
        if lineup.is_full(model):
            rows += _curve(error, labelled)
    return rows


def _curve(error: Measure, labelled: LabelledRewards) -> list[Measure]:
    """Two measures per bin: the mean reward, and the share of right steps."""
    rows = []
    for number, one in enumerate(reliability_curve(labelled), 1):
        promised = replace(
            error,
            table=Table.RELIABILITY,
            metric=Metric.MEAN_REWARD,
            value=100 * one.mean_reward,
            count=one.steps,
            n=number,
        )
        rows += [promised, replace(promised, metric=Metric.SHARE_RIGHT, value=100 * one.share_right)]
    return rows


def can_be_fitted(cases: Sequence[Prediction]) -> bool:
    """Whether both halves of the cases hold right and wrong steps that were rewarded."""
    return all(_has_both(half) for half in (cases[0::2], cases[1::2]))


def _has_both(cases: Sequence[Prediction]) -> bool:
    wrong = any(case.label != NO_ERROR and len(case.rewards) > case.label for case in cases)
    right = any(case.rewards and case.label != 0 for case in cases)
    return wrong and right


def calibrator_of(cases: Sequence[Prediction]) -> Calibrator | None:
    """The isotonic map fitted on benchmark cases; None where their rewarded steps are all right or all wrong."""
    return fit_isotonic(labelled_rewards(cases)) if _has_both(cases) else None


def calibrated(problems: Sequence[Sequence[Candidate]], calibrator: Calibrator) -> list[list[Candidate]]:
    """The candidates with calibrated rewards."""
    return [
        [replace(one, rewards=tuple(calibrator(np.array(one.rewards)).tolist())) for one in candidates]
        for candidates in problems
    ]
