"""Why an ordering may not come out as in the paper: what voting, choosing and escalating had to work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from genprm.evaluation.metrics import single_paths
from genprm.lineup import Lineup
from genprm.records import Prediction
from genprm.results.best_of_n import Candidates, rewarded_candidates
from genprm.results.escalation import ladders
from genprm.results.measures import Measure, Metric, Table, share
from genprm.scaling.best_of_n import solution_reward
from genprm.scaling.escalation import is_sure
from genprm.settings import Aggregate
from genprm.store import TableStore
from genprm.verification.rewards import first_error


def evidence_measures(
    lineup: Lineup, store: TableStore, predictions: Mapping[str, Sequence[Prediction]]
) -> list[Measure]:
    """Per full model, where it was measured: how often its paths agree (a vote changes only the other cases), and
    how many right and wrong candidates it accepts. Per escalation ladder: how often the first model is sure, and
    right when it is.
    """
    evaluation, scaling = lineup.profile.evaluation, lineup.profile.scaling
    rows = []
    for full in lineup.fulls:
        if evaluation.votes > 1:
            found = agreement(predictions[full.key], evaluation.threshold)
            rows += [replace(row, model=full.key, votes=evaluation.votes) for row in found]
        for answer_set in scaling.sets:
            candidates = rewarded_candidates(store, full.key, answer_set)
            found = acceptance(candidates, scaling.aggregate, evaluation.threshold)
            rows += [replace(row, model=full.key, subset=answer_set) for row in found]
    for ladder in ladders(lineup) if lineup.otherwise else ():
        first, tau = ladder.models[0].key, evaluation.verifier.tau
        found = sureness(predictions[first], tau, evaluation.threshold)
        rows += [replace(row, model=first, setting=ladder.name, tau=tau) for row in found]
    return rows


def agreement(predictions: Sequence[Prediction], threshold: float) -> list[Measure]:
    """How often all paths of a case name the same first wrong step, and how often that step is the right one."""
    judged = single_paths(predictions, threshold)
    agreed = [case for case in judged if len(set(case.predictions)) == 1]
    right = sum(case.predictions[0] == case.label for case in agreed)
    return [
        _share(Metric.PATHS_AGREE, len(agreed), len(judged)),
        _share(Metric.RIGHT_WHERE_AGREED, right, len(agreed)),
    ]


def acceptance(problems: Candidates, aggregate: Aggregate, threshold: float) -> list[Measure]:
    """Right and wrong candidates that a model accepts, and problems in which it prefers a wrong candidate to a
    right one that it also accepts."""
    taken: dict[bool, list[bool]] = {True: [], False: []}
    outvoted = 0
    for candidates in problems:
        rewards = [solution_reward(candidate.rewards, aggregate) for candidate in candidates]
        accepted = [reward >= threshold for reward in rewards]
        for candidate, yes in zip(candidates, accepted, strict=True):
            taken[candidate.correct].append(yes)
        chosen = candidates[rewards.index(max(rewards))]
        right_too = any(c.correct and yes for c, yes in zip(candidates, accepted, strict=True))
        outvoted += not chosen.correct and right_too
    return [
        _share(Metric.RIGHT_ACCEPTED, sum(taken[True]), len(taken[True])),
        _share(Metric.WRONG_ACCEPTED, sum(taken[False]), len(taken[False])),
        _share(Metric.WRONG_PREFERRED, outvoted, len(problems)),
    ]


def sureness(predictions: Sequence[Prediction], tau: float, threshold: float) -> list[Measure]:
    """How often a judgement is sure, so that its case is not escalated, and how often it is then right."""
    paths = [(row, path) for row in predictions for path in row.path_rewards]
    sure = [(row, path) for row, path in paths if is_sure(path, tau, threshold)]
    right = sum(first_error(path, threshold) == row.label for row, path in sure)
    return [
        _share(Metric.SURE, len(sure), len(paths)),
        _share(Metric.RIGHT_WHERE_SURE, right, len(sure)),
    ]


def _share(metric: Metric, part: int, whole: int) -> Measure:
    return share(Table.EVIDENCE, metric, part, whole)
