"""Why an ordering may not come out as in the paper: what voting, choosing and escalating had to work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assets.partitions import Pipeline
from assets.resources import Store
from genprm.evaluation.metrics import single_paths
from genprm.records import Measure, Prediction
from genprm.results.best_of_n import Candidates, rewarded_candidates
from genprm.results.test_time import escalation_ladders
from genprm.scaling.best_of_n import solution_reward
from genprm.scaling.escalation import is_sure
from genprm.settings import Aggregate
from genprm.verification.rewards import first_error

EVIDENCE = "What voting, choosing and escalating had to work with (%)"


def evidence_measures(
    pipeline: Pipeline, store: Store, predictions: Mapping[str, Sequence[Prediction]]
) -> list[Measure]:
    """Per full model, where it was measured: how often its paths agree (a vote changes the other cases alone), how
    it takes right and wrong candidates, and how often the first model of each ladder of escalation is sure, and
    right when it is.
    """
    evaluation, scaling = pipeline.profile.evaluation, pipeline.profile.scaling
    rows = []
    for base in pipeline.profile.training.base:
        full = pipeline.full(base)
        if full in predictions and evaluation.votes > 1:
            rows += agreement(f"{full}, {evaluation.votes} paths", predictions[full], evaluation.threshold)
        if any(model.key == full for model in pipeline.rankers):
            for name in scaling.sets:
                candidates = rewarded_candidates(store, full, name)
                rows += acceptance(f"{name}: {full}", candidates, scaling.aggregate, evaluation.threshold)
    ladders = escalation_ladders(pipeline) if pipeline.otherwise else {}
    for name, ladder in ladders.items():
        tau = evaluation.verifier.tau
        rows += sureness(f"{name}: {ladder[0]}", predictions[ladder[0]], tau, evaluation.threshold)
    return rows


def agreement(subject: str, predictions: Sequence[Prediction], threshold: float) -> list[Measure]:
    """Cases on which all paths name the same first wrong step, and how often that is the right one."""
    judged = single_paths(predictions, threshold)
    agreed = [case for case in judged if len(set(case.predictions)) == 1]
    right = sum(case.predictions[0] == case.label for case in agreed)
    return [
        _percent(subject, "all paths agree", len(agreed), len(judged)),
        _percent(subject, "right where they agree", right, len(agreed)),
    ]


def acceptance(subject: str, problems: Candidates, aggregate: Aggregate, threshold: float) -> list[Measure]:
    """Right and wrong candidates that a model accepts, and problems in which it prefers a wrong one to a right one
    that it accepts as well."""
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
        _percent(subject, "right candidates accepted", sum(taken[True]), len(taken[True])),
        _percent(subject, "wrong candidates accepted", sum(taken[False]), len(taken[False])),
        _percent(subject, "wrong one preferred to an accepted right one", outvoted, len(problems)),
    ]


def sureness(subject: str, predictions: Sequence[Prediction], tau: float, threshold: float) -> list[Measure]:
    """Cases that are not escalated, and how often the judgement that they rest with is right."""
    paths = [(row, path) for row in predictions for path in row.path_rewards]
    sure = [(row, path) for row, path in paths if is_sure(path, tau, threshold)]
    right = sum(first_error(path, threshold) == row.label for row, path in sure)
    return [
        _percent(f"{subject}, tau = {tau:g}", "sure", len(sure), len(paths)),
        _percent(f"{subject}, tau = {tau:g}", "right where sure", right, len(sure)),
    ]


def _percent(subject: str, name: str, part: int, whole: int) -> Measure:
    return Measure(EVIDENCE, subject, name, 100 * part / whole if whole else 0.0, None, None, "%", whole)
