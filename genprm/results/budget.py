"""What tokens buy: a majority of the policy's samples, or the best of them by the paper's GenPRM."""

from __future__ import annotations

from dataclasses import replace

from genprm.lineup import Lineup
from genprm.results.best_of_n import Candidates, policy_candidates, rewarded_candidates, sizes
from genprm.results.measures import Measure, Metric, Table, Unit
from genprm.scaling.best_of_n import Selector, best, curve, majority
from genprm.store import TableStore


def budget_measures(lineup: Lineup, store: TableStore) -> list[Measure]:
    """Accuracy and all tokens spent per problem: a majority of N samples, or the best of N by the full model."""
    settings, resamples = lineup.profile.scaling, lineup.profile.evaluation.bootstrap
    rows = []
    for answer_set in settings.sets:
        ways: list[tuple[str, Candidates, Selector]] = [("", policy_candidates(store, answer_set), majority)]
        for full in lineup.fulls:
            candidates = rewarded_candidates(store, full.key, answer_set)
            ways.append((full.key, candidates, best(settings.aggregate)))
        for model, problems, select in ways:
            for point in curve(problems, sizes(settings.candidates), select, resamples):
                tokens = Measure(
                    table=Table.BUDGET,
                    metric=Metric.TOKENS_PER_PROBLEM,
                    value=point.tokens,
                    unit=Unit.TOKENS,
                    count=len(problems),
                    model=model,
                    setting="best" if model else "majority",
                    subset=answer_set,
                    n=point.n,
                )
                low, high = point.ci95
                accuracy = replace(tokens, metric=Metric.ACCURACY, value=point.accuracy, unit=Unit.PERCENT)
                rows += [tokens, replace(accuracy, low=low, high=high)]
    return rows
