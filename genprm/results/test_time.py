"""What compute at test time buys, in numbers: escalation, budgets, refinement."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assets.partitions import Pipeline
from assets.refinement_work import SELF, critics_of
from assets.resources import Store
from genprm.evaluation.metrics import BenchmarkScore, Judged, f1_difference, score, single_paths
from genprm.intervals import paired_difference
from genprm.records import Measure, Prediction
from genprm.results import paper
from genprm.results.best_of_n import Candidates, policy_candidates, rewarded_candidates, sizes
from genprm.results.claims import NO_WORSE, compared
from genprm.scaling.best_of_n import Selector, best, curve, majority
from genprm.scaling.escalation import escalate
from genprm.scaling.refinement import RefinedAttempt
from genprm.settings import EvaluationSettings

ESCALATION = "Adaptive escalation"
BUDGET = "Budget: votes of the policy or a verifier"
REFINEMENT = "Refinement by critic (paper table 2): accuracy (%)"
TEST_TIME = (ESCALATION, BUDGET, REFINEMENT)

TAUS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Thresholds of whole solutions' escalation that are shown besides the verifier's own."""


def escalation_ladders(pipeline: Pipeline) -> dict[str, list[str]]:
    """Models from cheap to dear: one full model asked in three modes, and three models trained in one mode each."""
    keys = {model.key for model in pipeline.judges}
    found: dict[str, list[str]] = {}
    for base in pipeline.profile.training.base:
        full = pipeline.full(base)
        stem = full.removesuffix(".full")
        ladders = {
            f"{full}, three modes": [f"{full}.as-direct", f"{full}.as-cot", full],
            f"{stem}, three models": [f"{stem}.direct", f"{stem}.cot", full],
        }
        found |= {name: ladder for name, ladder in ladders.items() if keys.issuperset(ladder)}
    return found


def escalation_measures(pipeline: Pipeline, predictions: Mapping[str, Sequence[Prediction]]) -> list[Measure]:
    """F1 (Pass@1) and tokens for each threshold, and whether the verifier's own is no worse than full for less."""
    if not pipeline.otherwise:
        return []
    settings, rows = pipeline.profile.evaluation, []
    tau = settings.verifier.tau
    for name, ladder in escalation_ladders(pipeline).items():
        modes = [predictions[key] for key in ladder]
        full = _alone(modes[-1], settings)
        rows += _found(f"{name}: full alone", full)
        for one in sorted({*TAUS, tau}):
            escalated, subject = escalate(modes, one, settings.threshold), f"{name}: tau = {one:g}"
            way = _Way(escalated.judged, escalated.tokens, score(escalated.judged, settings.bootstrap))
            rows += _found(subject, way)
            rows += [
                Measure(ESCALATION, subject, f"{mode} (%)", 100 * share, None, None, "%", len(way.judged))
                for mode, share in zip(("direct", "analysis", "full"), escalated.shares, strict=True)
            ]
            if one == tau:
                rows += _against_full(name, way, full, settings)
    for base in pipeline.profile.training.base:
        key, adaptive = pipeline.full(base), f"{pipeline.full(base)}.as-adaptive"
        if adaptive in predictions:
            name = f"{key}, step by step"
            full, live = (_alone(predictions[one], settings) for one in (key, adaptive))
            rows += _found(f"{name}: tau = {tau:g}", live)
            rows += _against_full(name, live, full, settings)
    return rows


class _Way(NamedTuple):
    """A way of judging all cases: what it found, the tokens per case, and how good it was."""

    judged: list[Judged]
    tokens: list[float]
    scored: BenchmarkScore


def _alone(rows: Sequence[Prediction], settings: EvaluationSettings) -> _Way:
    """One model in one mode."""
    judged = single_paths(rows, settings.threshold)
    spent = [row.tokens / len(row.path_rewards) for row in rows]
    return _Way(judged, spent, score(judged, settings.bootstrap))


def _found(subject: str, way: _Way) -> list[Measure]:
    scored, count = way.scored, len(way.judged)
    return [
        *_with_interval(ESCALATION, subject, "F1", scored.mean_f1, scored.mean_f1_ci95, count),
        _number(ESCALATION, subject, "tokens per solution", statistics.fmean(way.tokens), count),
    ]


def _against_full(name: str, way: _Way, full: _Way, settings: EvaluationSettings) -> list[Measure]:
    own, count = f"tau = {settings.verifier.tau:g}", len(full.judged)
    difference = f1_difference(way.judged, full.judged, settings.bootstrap)
    scores = {own: way.scored.mean_f1 or 0.0, "full": full.scored.mean_f1 or 0.0}
    saved = [[one - other] for one, other in zip(full.tokens, way.tokens, strict=True)]
    fewer = paired_difference(saved, 1.0, settings.bootstrap)
    tokens = {"full": statistics.fmean(full.tokens), own: statistics.fmean(way.tokens)}
    return [
        *compared(f"adaptive ({name}) - full", f"F1{NO_WORSE}", difference, scores, count),
        *compared(f"full - adaptive ({name})", "tokens per solution", fewer, tokens, count, unit="tokens"),
    ]


def _with_interval(
    group: str, subject: str, name: str, value: float | None, interval: tuple[float, float] | None, count: int
) -> list[Measure]:
    if value is None or interval is None:
        return []
    return [Measure(group, subject, name, value, *interval, "%", count)]


def _number(group: str, subject: str, name: str, value: float, count: int) -> Measure:
    return Measure(group, subject, name, value, None, None, "tokens", count)


def budget_measures(pipeline: Pipeline, store: Store) -> list[Measure]:
    """Accuracy and all tokens spent per problem: a majority of N samples, or the best of N by the full model."""
    keys = {model.key for model in pipeline.models}
    settings, resamples = pipeline.profile.scaling, pipeline.profile.evaluation.bootstrap
    rows = []
    for answer_set in settings.sets:
        ways: list[tuple[str, Candidates, Selector]] = [
            ("majority of", policy_candidates(store, answer_set), majority)
        ]
        for base in pipeline.profile.training.base:
            full = pipeline.full(base)
            if full in keys:
                candidates = rewarded_candidates(store, full, answer_set)
                ways.append((f"{full}, best of", candidates, best(settings.aggregate)))
        for name, problems, select in ways:
            for point in curve(problems, sizes(settings.candidates), select, resamples):
                subject = f"{answer_set}: {name} {point.n}"
                rows += [
                    _number(BUDGET, subject, "tokens per problem", point.tokens, len(problems)),
                    Measure(BUDGET, subject, "accuracy", point.accuracy, *point.ci95, "%", len(problems)),
                ]
    return rows


def refinement_measures(pipeline: Pipeline, store: Store) -> list[Measure]:
    """Accuracy after each turn by critic, what turns made right and wrong, and GenPRM against other critics."""
    resamples, turns = pipeline.profile.evaluation.bootstrap, pipeline.profile.refinement.turns
    rows = []
    for answer_set in pipeline.profile.refinement.sets:
        attempts = store.read(RefinedAttempt, "refinement", answer_set)
        right = {critic: correct_by_turn(attempts, critic, turns) for critic in critics_of(pipeline)}
        for critic, solutions in right.items():
            rows += _critic_rows(f"{answer_set}: {critic}", critic, attempts, solutions, turns, resamples)
        for base in pipeline.profile.training.base:
            full = pipeline.full(base)
            for other in (SELF, f"{base}.untrained"):
                if full in right:
                    rows += _critic_claim(answer_set, right, full, other, resamples)
    if pipeline.profile.refinement.sets:
        for name, values in paper.REFINED.items():
            rows += [
                Measure(REFINEMENT, f"paper: {name}", f"turn {turn}", value, None, None, "%", 0)
                for turn, value in enumerate(values[: turns + 1])
            ]
    return rows


Correct = dict[tuple[str, str], list[bool]]
"""(problem, solution) -> whether the answer is right after turn 0, 1, ...; what has ended stays as it is."""


def correct_by_turn(attempts: Sequence[RefinedAttempt], critic: str, turns: int) -> Correct:
    """Right or wrong after every turn under one critic."""
    found: Correct = {}
    for row in attempts:
        if row.critic == critic:
            found.setdefault((row.problem_id, row.solution_id), []).append(row.correct)
    return {key: [values[min(turn, len(values) - 1)] for turn in range(turns + 1)] for key, values in found.items()}


def _by_problem(values: Mapping[tuple[str, str], float]) -> list[list[float]]:
    groups: dict[str, list[float]] = {}
    for (problem, _), value in values.items():
        groups.setdefault(problem, []).append(value)
    return list(groups.values())


def _critic_rows(
    subject: str, critic: str, attempts: Sequence[RefinedAttempt], solutions: Correct, turns: int, resamples: int
) -> list[Measure]:
    rows, count = [], len(solutions)
    for turn in range(turns + 1):
        shares = _by_problem({key: float(values[turn]) for key, values in solutions.items()})
        found = paired_difference(shares, resamples=resamples)
        rows.append(Measure(REFINEMENT, subject, f"turn {turn}", found.points, *found.ci95, "%", count))
    made_right = sum(not values[0] and values[-1] for values in solutions.values())
    made_wrong = sum(values[0] and not values[-1] for values in solutions.values())
    own = [row for row in attempts if row.critic == critic]
    asked = sum(row.turn == 0 and row.blamed is not None for row in own)
    for name, value in (("found wrong at first", asked), ("made right", made_right), ("made wrong", made_wrong)):
        rows.append(Measure(REFINEMENT, subject, name, value, None, None, "count", count))
    tokens = sum(row.policy_tokens + row.critic_tokens for row in own) / count
    return [*rows, _number(REFINEMENT, subject, "tokens per solution", tokens, count)]


def _critic_claim(
    answer_set: str, right: Mapping[str, Correct], first: str, second: str, resamples: int
) -> list[Measure]:
    """The accuracy that one critic leads to, against another's."""
    ours, theirs = right[first], right[second]
    differences = {key: float(ours[key][-1]) - float(theirs[key][-1]) for key in ours}
    sides = {
        name: 100 * statistics.fmean(values[-1] for values in right[name].values()) for name in (first, second)
    }
    found = paired_difference(_by_problem(differences), resamples=resamples)
    reported = (paper.REFINED["GenPRM-7B"][-1], paper.REFINED["self"][-1]) if second == SELF else None
    claim = f"{answer_set}: {first} critic - {second}"
    return compared(claim, "accuracy after the last turn", found, sides, len(ours), reported)
