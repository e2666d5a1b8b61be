"""Best-of-N in numbers: curves over N, and whether choosing by reward beats the majority."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from assets.partitions import Pipeline, ranked_key
from assets.resources import Store
from genprm.records import Measure, SampledSolution, SolutionRewards
from genprm.results.claims import compared
from genprm.scaling.best_of_n import (
    AGGREGATES,
    Candidate,
    Point,
    Selector,
    accuracy_at,
    accuracy_difference,
    best,
    curve,
    majority,
    pass_at_1,
    pass_at_n,
    weighted_vote,
)

BEST_OF_N = "Best-of-N: accuracy (%)"
COMPARED_AT = 8
"""N at which choosing by reward is compared with the majority, or the number of candidates where it is smaller."""

Candidates = list[list[Candidate]]


def read_candidates(sampled: Sequence[SampledSolution], judged: Sequence[SolutionRewards]) -> Candidates:
    """The candidates with their rewards, problem by problem in the order of drawing."""
    problems: dict[str, list[Candidate]] = {}
    for row, reward in zip(sampled, judged, strict=True):
        tokens = row.tokens + reward.tokens + reward.prompt_tokens
        candidate = Candidate(row.group, row.correct, tuple(reward.rewards), tokens)
        problems.setdefault(row.problem_id, []).append(candidate)
    return list(problems.values())


def policy_candidates(store: Store, answer_set: str) -> Candidates:
    """The candidates of a set as a majority sees them: without rewards, at the price of the policy's tokens."""
    problems: dict[str, list[Candidate]] = {}
    for row in store.read(SampledSolution, "candidates", answer_set):
        problems.setdefault(row.problem_id, []).append(Candidate(row.group, row.correct, (), row.tokens))
    return list(problems.values())


def rewarded_candidates(store: Store, model: str, answer_set: str) -> Candidates:
    """The candidates of a set with a model's rewards, at the price of everything that was generated and read."""
    key = ranked_key(model, answer_set)
    sampled = store.read(SampledSolution, "candidates", answer_set)
    return read_candidates(sampled, store.read(SolutionRewards, "best_of_n", key))


def sizes(candidates: int) -> list[int]:
    """1, 2, 4, ... up to the number of candidates.

    >>> sizes(12)
    [1, 2, 4, 8]
    """
    return [2**power for power in range(candidates.bit_length()) if 2**power <= candidates]


def selectors() -> dict[str, Selector]:
    """Every way of choosing, by name."""
    return {
        **{f"best, {name}": best(name) for name in AGGREGATES},
        **{f"weighted vote, {name}": weighted_vote(name) for name in AGGREGATES},
        "majority": majority,
        "Pass@1": pass_at_1,
        "Pass@N": pass_at_n,
    }


def aggregate_curves(problems: Candidates, resamples: int) -> dict[str, list[Point]]:
    """Accuracy over N for every way of choosing."""
    at = sizes(len(problems[0]))
    return {name: curve(problems, at, select, resamples) for name, select in selectors().items()}


def _read(pipeline: Pipeline, store: Store, model: str) -> dict[str, Candidates]:
    return {name: rewarded_candidates(store, model, name) for name in pipeline.profile.scaling.sets}


def best_of_n_measures(pipeline: Pipeline, store: Store) -> list[Measure]:
    """Per model and set the accuracy of the profile's way of choosing over N, beside the references; for the full
    model also that of votes weighted with its rewards."""
    settings, resamples = pipeline.profile.scaling, pipeline.profile.evaluation.bootstrap
    references: dict[str, Selector] = {"majority": majority, "Pass@1": pass_at_1, "Pass@N": pass_at_n}
    chosen = best(settings.aggregate)
    rows = []
    for index, model in enumerate(pipeline.rankers):
        own = {f"{model.key} best, {settings.aggregate}": chosen}
        if pipeline.is_full(model):
            own[f"{model.key} weighted vote, {settings.aggregate}"] = weighted_vote(settings.aggregate)
        for name, problems in _read(pipeline, store, model.key).items():
            for subject, select in {**own, **(references if index == 0 else {})}.items():
                rows += [
                    Measure(BEST_OF_N, subject, f"{name}: N = {p.n}", p.accuracy, *p.ci95, "%", len(problems))
                    for p in curve(problems, sizes(settings.candidates), select, resamples)
                ]
    return rows


def best_of_n_differences(pipeline: Pipeline, store: Store) -> list[Measure]:
    """How much choosing by the rewards of the full model gains over the majority, and over choosing by those of the
    direct model, the discriminative one and ThinkPRM, in points over the problems of all sets together; and how
    much votes gain that are weighted with them.
    """
    settings, resamples = pipeline.profile.scaling, pipeline.profile.evaluation.bootstrap
    n, chosen = min(COMPARED_AT, settings.candidates), best(settings.aggregate)
    keys = {model.key for model in pipeline.rankers}
    rows = []
    for base in pipeline.profile.training.base if settings.sets else ():
        full = pipeline.full(base)
        if full not in keys:
            continue
        problems = _together(pipeline, store, full)
        others: list[tuple[str, Candidates, Selector]] = [("majority", problems, majority)]
        for name in ("direct", "discriminative", "think"):
            other = f"{full.removesuffix('.full')}.{name}"
            if other in keys:
                others.append((name, _together(pipeline, store, other), chosen))
        voted = weighted_vote(settings.aggregate)
        gain = accuracy_difference(problems, problems, n, (voted, majority), resamples)
        sides = {"weighted vote": _accuracy(problems, n, voted), "majority": _accuracy(problems, n, majority)}
        rows += compared(f"{full} weighted vote of {n} - majority", "accuracy", gain, sides, len(problems))
        for name, candidates, select in others:
            gain = accuracy_difference(problems, candidates, n, (chosen, select), resamples)
            sides = {f"best by {full}": _accuracy(problems, n, chosen), name: _accuracy(candidates, n, select)}
            rows += compared(f"{full} best of {n} - {name}", "accuracy", gain, sides, len(problems))
    return rows


def _accuracy(problems: Candidates, n: int, select: Selector) -> float:
    return 100 * statistics.fmean(accuracy_at(problems, n, select))


def _together(pipeline: Pipeline, store: Store, model: str) -> Candidates:
    return [problem for problems in _read(pipeline, store, model).values() for problem in problems]
