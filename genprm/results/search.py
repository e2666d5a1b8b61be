"""What a search buys: accuracy of each method over budgets, and its gains over majority and Best-of-N at each."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace

from genprm.intervals import Difference, paired_difference
from genprm.lineup import Lineup
from genprm.results.claims import Claim, Side, claim
from genprm.results.measures import Measure, Metric, Table, Unit
from genprm.search.budgets import SearchedProblem
from genprm.store import TableStore, partition_key

BASELINES = {"majority": Metric.OVER_MAJORITY, "best-of-n": Metric.OVER_BEST_OF_N}
"""The methods that all others are compared with: one without a judge, and one whose judge only chooses."""


def search_measures(lineup: Lineup, store: TableStore) -> tuple[list[Measure], list[Claim]]:
    """Accuracy, tokens, and the differences to the baselines on the same budget and problems, per method and
    budget; and the differences on the largest budget as claims."""
    settings, resamples = lineup.profile.search, lineup.profile.evaluation.bootstrap
    rows: list[Measure] = []
    claims: list[Claim] = []
    for answer_set in settings.sets:
        searched = {
            method: store.read(SearchedProblem, "search", partition_key(method, answer_set))
            for method in settings.chosen_methods
        }
        for factor in settings.budgets:
            found = _OneBudget(answer_set, factor, searched, resamples)
            rows += found.measures()
            if factor == settings.budgets[-1]:
                claims += found.claims()
    return rows, claims


@dataclass(frozen=True, slots=True)
class _OneBudget:
    """What all methods found on one budget."""

    answer_set: str
    factor: int
    searched: dict[str, list[SearchedProblem]]
    resamples: int

    def measures(self) -> Iterable[Measure]:
        for method in self.searched:
            rows = self._rows(method)
            tokens = statistics.fmean(row.tokens for row in rows)
            yield self._measure(method, Metric.TOKENS_PER_PROBLEM, tokens, Unit.TOKENS)
            yield self._with_interval(method, Metric.ACCURACY, self._mean(self._right(method)), Unit.PERCENT)
            for baseline in self._baselines_of(method):
                yield self._with_interval(method, BASELINES[baseline], self._gain(method, baseline), Unit.POINTS)

    def claims(self) -> Iterable[Claim]:
        for method in self.searched:
            for baseline in self._baselines_of(method):
                name = f"{self.answer_set}: {method} - {baseline}, budget of {self.factor} solutions"
                first, second = (Side(one, self._mean(self._right(one)).points) for one in (method, baseline))
                gain = self._gain(method, baseline)
                yield claim(name, Metric.ACCURACY, (first, second), gain, len(self._rows(method)))

    def _baselines_of(self, method: str) -> list[str]:
        """The baselines of a method: a baseline itself is compared only with those before it, so that no pair comes
        twice."""
        before = itertools.takewhile(lambda baseline: baseline != method, BASELINES)
        return [baseline for baseline in before if baseline in self.searched]

    def _rows(self, method: str) -> list[SearchedProblem]:
        return [row for row in self.searched[method] if row.factor == self.factor]

    def _right(self, method: str) -> dict[str, float]:
        return {row.problem_id: float(row.correct) for row in self._rows(method)}

    def _gain(self, method: str, baseline: str) -> Difference:
        first, second = self._right(method), self._right(baseline)
        return self._mean({problem: right - second[problem] for problem, right in first.items()})

    def _mean(self, values: dict[str, float]) -> Difference:
        return paired_difference([[value] for value in values.values()], resamples=self.resamples)

    def _with_interval(self, method: str, metric: Metric, found: Difference, unit: Unit) -> Measure:
        low, high = found.ci95
        return replace(self._measure(method, metric, found.points, unit), low=low, high=high)

    def _measure(self, method: str, metric: Metric, value: float, unit: Unit) -> Measure:
        return Measure(
            table=Table.SEARCH,
            metric=metric,
            value=value,
            unit=unit,
            count=len(self._rows(method)),
            setting=method,
            subset=self.answer_set,
            n=self.factor,
        )
