"""How well every model judges, and the policy whose solutions it learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from genprm.evaluation.metrics import BenchmarkScore, Judged, score, single_paths, voted
from genprm.intervals import Interval
from genprm.lineup import Lineup
from genprm.records import NO_ERROR, Prediction, SampledProblem
from genprm.results.measures import MEAN, Measure, Metric, Table, Unit, percentage, share

OUTCOMES = ("kept", "easy", "hard")
POLICY = "policy"


def judge_measures(lineup: Lineup, predictions: Mapping[str, Sequence[Prediction]]) -> list[Measure]:
    """F1 of every model with its 95 % interval: Pass@1, and Maj@N where paths were voted; overall and by subset."""
    settings = lineup.profile.evaluation
    rows = []
    for model, cases in predictions.items():
        paths = len(cases[0].path_rewards)
        ways = {1: single_paths(cases, settings.threshold)}
        if paths > 1:
            ways[paths] = voted(cases)
        for votes, judged in ways.items():
            found = score(judged, settings.bootstrap)
            if found.mean_f1 is not None:
                rows += [*_measures_of(model, votes, found, len(cases)), wrong_passed(model, votes, judged)]
    return rows


def wrong_passed(model: str, votes: int, judged: Sequence[Judged]) -> Measure:
    """The share of solutions with a wrong step in which none is called wrong, over all subsets and paths."""
    found = [said for case in judged if case.label != NO_ERROR for said in case.predictions]
    return Measure(
        table=Table.JUDGES,
        metric=Metric.WRONG_PASSED,
        value=percentage(sum(said == NO_ERROR for said in found), len(found)),
        unit=Unit.PERCENT,
        count=sum(case.label != NO_ERROR for case in judged),
        model=model,
        subset=MEAN,
        votes=votes,
    )


def _measures_of(model: str, votes: int, found: BenchmarkScore, count: int) -> list[Measure]:
    def measure(metric: Metric, value: float, interval: Interval | None, subset: str, items: int) -> Measure:
        return Measure(
            table=Table.JUDGES,
            metric=metric,
            value=value,
            unit=Unit.PERCENT,
            count=items,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            model=model,
            subset=subset,
            votes=votes,
        )

    assert found.mean_f1 is not None
    rows = [measure(Metric.F1, found.mean_f1, found.mean_f1_ci95, MEAN, count)]
    for subset, part in found.subsets.items():
        values = (
            (Metric.F1, part.f1, part.f1_ci95),
            (Metric.ERROR_ACCURACY, part.error_acc, None),
            (Metric.CORRECT_ACCURACY, part.correct_acc, None),
        )
        items = part.n_error + part.n_correct
        rows += [
            measure(metric, value, interval, subset, items)
            for metric, value, interval in values
            if value is not None
        ]
    return rows


def policy_measures(counts: Sequence[SampledProblem]) -> list[Measure]:
    """How often the policy is right, and how many problems had each outcome of sampling."""

    def policy(metric: Metric, part: int, whole: int, setting: str = "") -> Measure:
        return replace(share(Table.POLICY, metric, part, whole), model=POLICY, setting=setting)

    samples = sum(row.samples for row in counts)
    return [
        policy(Metric.ACCURACY, sum(row.correct for row in counts), samples),
        policy(Metric.INVALID, sum(row.invalid for row in counts), samples),
        *(policy(Metric.PROBLEMS, sum(r.outcome == o for r in counts), len(counts), o) for o in OUTCOMES),
    ]
