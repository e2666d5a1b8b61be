"""When a verifier takes the champion's place: its F1 has to be higher by more than chance explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genprm.evaluation.metrics import Judged, f1_difference, score
from genprm.intervals import RESAMPLES


@dataclass(frozen=True, slots=True)
class Contender:
    """A trained model with its predictions for the benchmark; `version` is the fingerprint of its weights, `run_id`
    the tracked run that made them."""

    model: str
    version: str
    run_id: str
    judged: Sequence[Judged]

    @property
    def f1(self) -> float:
        """Mean F1 in percent; 0 where no subset has one."""
        return score(self.judged, 1).mean_f1 or 0.0


def is_better(challenger: Sequence[Judged], champion: Sequence[Judged], resamples: int = RESAMPLES) -> bool:
    """Whether the challenger's mean F1 is above the champion's beyond its 95 % interval.

    On the same cases the paired interval of the difference has to lie above 0. On different cases, which cannot be
    paired, the challenger's whole interval has to lie above the champion's.
    """
    if _cases(challenger) == _cases(champion):
        return f1_difference(challenger, champion, resamples).ci95.low > 0
    ours, theirs = score(challenger, resamples).mean_f1_ci95, score(champion, resamples).mean_f1_ci95
    return ours is not None and theirs is not None and ours.low > theirs.high


def _cases(judged: Sequence[Judged]) -> set[tuple[str, str, int]]:
    return {(case.subset, case.id, case.label) for case in judged}


def successor(
    contenders: Sequence[Contender], champion: Sequence[Judged] | None, resamples: int = RESAMPLES
) -> Contender | None:
    """The contender with the highest F1 that takes the champion's place; None where the champion stays.

    Where there is no champion yet, the one with the highest F1 becomes it.
    """
    best_first = sorted(contenders, key=lambda one: one.f1, reverse=True)
    return next((one for one in best_first if champion is None or is_better(one.judged, champion, resamples)), None)
