"""ProcessBench metrics: accuracy on wrong and on right solutions, their harmonic mean (F1), and its 95 % interval.

A case is judged by the index of the first wrong step, -1 for none. Accuracies and F1 are in percent. The headline
is the unweighted mean of the subsets' F1 (paper 5.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from genprm.intervals import RESAMPLES, Difference, Floats, Interval, percentile_interval
from genprm.records import NO_ERROR, Prediction
from genprm.verification.rewards import THRESHOLD, first_error


class PredictedCase(Protocol):
    """What scoring needs of a case; `genprm.records.Prediction` and `PredictionRow` have it."""

    @property
    def id(self) -> str: ...
    @property
    def subset(self) -> str: ...
    @property
    def label(self) -> int: ...
    @property
    def prediction(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and the first errors predicted for it, one per path; None is a prediction that is never right."""

    id: str
    subset: str
    label: int
    predictions: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """One subset, in percent; several paths are averaged and `f1_spread` is the standard deviation over them.

    An accuracy over no cases is None, and so is an F1 that lacks one of its accuracies.
    """

    n_error: int
    n_correct: int
    error_acc: float | None
    correct_acc: float | None
    f1: float | None
    f1_ci95: Interval | None
    f1_spread: float | None


@dataclass(frozen=True, slots=True)
class BenchmarkScore:
    """All subsets, and the unweighted mean of those F1 that exist."""

    subsets: Mapping[str, SubsetScore]
    mean_f1: float | None
    mean_f1_ci95: Interval | None
    mean_f1_spread: float | None


def f1(error_acc: Floats, correct_acc: Floats) -> Floats:
    """Harmonic means of pairs of accuracies; 0 where both are 0.

    >>> f1(np.array([67.7, 0.0]), np.array([94.0, 0.0])).round(1).tolist()
    [78.7, 0.0]
    """
    total = error_acc + correct_acc
    means: Floats = 2 * error_acc * correct_acc / np.where(total > 0, total, 1.0)
    return means


def voted(cases: Iterable[PredictedCase]) -> list[Judged]:
    """Cases with their one prediction (that of Maj@N after the vote, or any other)."""
    return [Judged(case.id, case.subset, case.label, (case.prediction,)) for case in cases]


def single_paths(cases: Iterable[Prediction], threshold: float = THRESHOLD) -> list[Judged]:
    """Cases with the prediction of every verification path on its own (Pass@1 is the mean over them)."""
    return [
        Judged(case.id, case.subset, case.label, tuple(first_error(path, threshold) for path in case.path_rewards))
        for case in cases
    ]


class _Strata(NamedTuple):
    """Hits of one subset, cases x paths, on solutions with an error and on those without."""

    error: Floats
    correct: Floats


def _hits(cases: Sequence[Judged], paths: int) -> Floats:
    rows = [[prediction == case.label for prediction in case.predictions] for case in cases]
    return np.array(rows, dtype=np.float64).reshape(len(cases), paths)


def _by_subset(cases: Sequence[Judged]) -> dict[str, _Strata]:
    """Strata of each subset, in order of first appearance.

    Raises:
        ValueError: cases differ in their number of paths, or have none.
    """
    counts = {len(case.predictions) for case in cases}
    if len(counts) > 1 or 0 in counts:
        raise ValueError(f"every case needs the same number of paths (at least 1), found {sorted(counts)}")
    groups: dict[str, list[Judged]] = {}
    for case in cases:
        groups.setdefault(case.subset, []).append(case)
    paths = next(iter(counts), 1)
    return {
        name: _Strata(
            _hits([case for case in group if case.label != NO_ERROR], paths),
            _hits([case for case in group if case.label == NO_ERROR], paths),
        )
        for name, group in groups.items()
    }


def _resampled_accuracy(hits: Floats, resamples: int, generator: np.random.Generator) -> Floats:
    """Accuracy of each path in percent on cases drawn with replacement: resamples x paths."""
    cases = len(hits)
    drawn = generator.integers(cases, size=(resamples, cases)) + cases * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * cases).reshape(resamples, cases)
    return 100 * (times @ hits) / cases


def _resampled_f1(strata: Mapping[str, _Strata], resamples: int, seed: int) -> dict[str, Floats]:
    """F1 of each path (resamples x paths) per subset that has one.

    Wrong and right solutions are resampled separately: how many there are of each is part of the benchmark, not
    of the measurement. Columns share their draws, so that differences between them are paired.
    """
    result = {}
    for name in sorted(strata):
        error, correct = strata[name]
        if len(error) and len(correct):
            generator = np.random.default_rng([seed, *name.encode()])
            drawn = (_resampled_accuracy(hits, resamples, generator) for hits in (error, correct))
            result[name] = f1(*drawn)
    return result


def _spread(values: Floats) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def _accuracy(hits: Floats) -> float | None:
    return float(100 * hits.mean()) if len(hits) else None


def _path_f1(strata: _Strata) -> Floats:
    return f1(100 * strata.error.mean(axis=0), 100 * strata.correct.mean(axis=0))


def score(cases: Sequence[Judged], resamples: int = RESAMPLES, seed: int = 0) -> BenchmarkScore:
    """Accuracies and F1 of every subset with 95 % bootstrap intervals over the cases.

    With several paths every number is the mean over paths of the metric of one path (Pass@1).

    Raises:
        ValueError: cases differ in their number of paths.
    """
    strata = _by_subset(cases)
    drawn = _resampled_f1(strata, resamples, seed)
    subsets: dict[str, SubsetScore] = {}
    for name, (error, correct) in strata.items():
        per_path = _path_f1(strata[name]) if name in drawn else None
        subsets[name] = SubsetScore(
            n_error=len(error),
            n_correct=len(correct),
            error_acc=_accuracy(error),
            correct_acc=_accuracy(correct),
            f1=None if per_path is None else float(per_path.mean()),
            f1_ci95=None if per_path is None else percentile_interval(drawn[name].mean(axis=1)),
            f1_spread=None if per_path is None else _spread(per_path),
        )
    if not drawn:
        return BenchmarkScore(subsets, None, None, None)
    overall = np.mean([_path_f1(strata[name]) for name in drawn], axis=0)
    resampled = np.mean([values.mean(axis=1) for values in drawn.values()], axis=0)
    return BenchmarkScore(subsets, float(overall.mean()), percentile_interval(resampled), _spread(overall))


def score_predictions(cases: Iterable[PredictedCase], resamples: int = RESAMPLES) -> BenchmarkScore:
    """`score` of cases with one prediction each."""
    return score(voted(cases), resamples)


def f1_difference(first: Sequence[Judged], second: Sequence[Judged], resamples: int = RESAMPLES) -> Difference:
    """Mean F1 of `first` minus that of `second` with a paired bootstrap interval: both see the same drawn cases.

    Raises:
        ValueError: the two are not predictions for the same cases, or no subset has an F1.
    """
    others = {(case.subset, case.id): case for case in second}
    if len(others) != len(second) or {(case.subset, case.id) for case in first} != set(others):
        raise ValueError("the two sets of predictions are not for the same cases (subset and id)")
    pairs = [(case, others[case.subset, case.id]) for case in first]
    if any(a.label != b.label for a, b in pairs):
        raise ValueError("the two sets of predictions disagree about labels")
    joined = [Judged(a.id, a.subset, a.label, a.predictions + b.predictions) for a, b in pairs]
    strata = _by_subset(joined)
    drawn = _resampled_f1(strata, resamples, seed=0)
    if not drawn:
        raise ValueError("no subset has both solutions with an error and solutions without")
    split = len(first[0].predictions)
    overall = np.mean([_path_f1(strata[name]) for name in drawn], axis=0)
    resampled = np.mean(list(drawn.values()), axis=0)
    return Difference(
        points=float(overall[:split].mean() - overall[split:].mean()),
        ci95=percentile_interval(resampled[:, :split].mean(axis=1) - resampled[:, split:].mean(axis=1)),
    )


def report_json(score: BenchmarkScore) -> dict[str, object]:
    """The report of `genprm score --json`. A number that does not exist (an empty group) is null."""
    return {
        "subsets": {
            name: {
                "n_error": subset.n_error,
                "n_correct": subset.n_correct,
                "error_acc": subset.error_acc,
                "correct_acc": subset.correct_acc,
                "f1": subset.f1,
                "f1_ci95": None if subset.f1_ci95 is None else list(subset.f1_ci95),
            }
            for name, subset in score.subsets.items()
        },
        "mean_f1": score.mean_f1,
    }
