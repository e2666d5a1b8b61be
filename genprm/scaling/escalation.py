"""Adaptive escalation of whole solutions: what any threshold would have cost and found, from existing predictions.

The verifier's adaptive mode escalates step by step on one conversation, as the released code does, under one
threshold (`genprm.verification.path`). Here whole solutions go from one mode or model to the next, so that their
predictions for the same cases are enough to evaluate every threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genprm.evaluation.metrics import Judged
from genprm.records import NO_ERROR, Prediction
from genprm.verification.rewards import first_error, is_decided


class Escalated(NamedTuple):
    """All cases under one threshold: a prediction per path, tokens generated per case (mean over the paths), and
    the share of paths whose judgement came from each mode, in the order of the modes."""

    judged: list[Judged]
    tokens: list[float]
    shares: list[float]


def is_sure(rewards: Sequence[float], tau: float, threshold: float = 0.5) -> bool:
    """Whether every reward up to the first error is within `tau` of 0 or 1.

    >>> is_sure([0.97, 0.04, 0.5], tau=0.1), is_sure([0.8, 0.04], tau=0.1)
    (True, False)
    """
    error = first_error(rewards, threshold)
    counted = rewards if error == NO_ERROR else rewards[: error + 1]
    return all(is_decided(reward, tau) for reward in counted)


def escalate(modes: Sequence[Sequence[Prediction]], tau: float, threshold: float = 0.5) -> Escalated:
    """Take, for each path of the last mode, the judgement of the first mode that is sure, else that of the last.

    Args:
        modes: predictions for the same cases in the same order, one sequence per mode, the cheapest first. A mode
            with fewer paths than the last one uses each of them several times.
        tau: in [0, 0.5]; with 0.5 everything ends in the first mode.

    Raises:
        ValueError: no modes, or the modes are about different cases.
    """
    names = {tuple((row.subset, row.id) for row in rows) for rows in modes}
    if len(names) != 1:
        raise ValueError(f"escalation needs the same cases in every mode, got {len(names)} different lists")
    judged, tokens, counts = [], [], [0] * len(modes)
    for rows in zip(*modes, strict=True):
        paths = len(rows[-1].path_rewards)
        ends = [_end(rows, path, tau, threshold) for path in range(paths)]
        for end in ends:
            counts[end] += 1
        spent = [sum(row.tokens / len(row.path_rewards) for row in rows[: end + 1]) for end in ends]
        predictions = tuple(first_error(_path(rows[end], path), threshold) for path, end in enumerate(ends))
        judged.append(Judged(rows[-1].id, rows[-1].subset, rows[-1].label, predictions))
        tokens.append(sum(spent) / paths)
    return Escalated(judged, tokens, [count / sum(counts) for count in counts])


def _end(rows: Sequence[Prediction], path: int, tau: float, threshold: float) -> int:
    sure = (place for place, row in enumerate(rows) if is_sure(_path(row, path), tau, threshold))
    return next(sure, len(rows) - 1)


def _path(row: Prediction, path: int) -> list[float]:
    return row.path_rewards[path % len(row.path_rewards)]
