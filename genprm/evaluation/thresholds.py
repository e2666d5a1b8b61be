"""The threshold below which a reward means "wrong", where a model's authors tune it on GSM8K (ProcessBench)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genprm.evaluation.metrics import f1
from genprm.records import NO_ERROR


def tune_threshold(rewards: Sequence[Sequence[float]], labels: Sequence[int]) -> float:
    """The threshold with the highest F1 for predicting the first step with a reward below it; the lowest of equals.

    Args:
        rewards: per solution one reward per step.
        labels: per solution the 0-based index of its first wrong step, -1 if there is none.

    Returns:
        The middle between two neighbouring rewards, so that rounding does not move a prediction.

    Raises:
        ValueError: no solution with an error, or none without.
    """
    bounds = np.array([_right_between(row, label) for row, label in zip(rewards, labels, strict=True)])
    wrong = np.array(labels) != NO_ERROR
    if wrong.all() or not wrong.any():
        raise ValueError("a threshold is tuned on solutions with and without an error; one kind is missing")
    values = np.unique(np.concatenate([np.asarray(row, dtype=float) for row in rewards]))
    edges = np.concatenate([[values[0]], values, [values[-1]]])
    candidates = (edges[:-1] + edges[1:]) / 2
    # A step is wrong when its reward is strictly below the threshold: above the largest reward all steps are.
    candidates[-1] = np.nextafter(values[-1], np.inf)
    right = (bounds[:, :1] < candidates) & (candidates <= bounds[:, 1:])
    scores = f1(right[wrong].mean(axis=0), right[~wrong].mean(axis=0))
    return float(candidates[int(np.argmax(scores))])


def _right_between(rewards: Sequence[float], label: int) -> tuple[float, float]:
    """Thresholds that predict `label`: above the first number and up to the second."""
    if label == NO_ERROR:
        return -np.inf, min(rewards)
    return rewards[label], min(rewards[:label], default=np.inf)
