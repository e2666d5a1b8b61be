"""Best-of-N in numbers: curves over N, and whether choosing by reward beats the majority."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from genprm.lineup import Lineup, Model
from genprm.modes import Mode
from genprm.records import Prediction, SampledSolution, SolutionRewards
from genprm.results.calibration import calibrated, calibrator_of
from genprm.results.claims import Claim, Side, claim
from genprm.results.measures import Measure, Metric, Table, Unit
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
from genprm.store import TableStore, partition_key

COMPARED_AT = 8
"""N at which choosing by reward is compared with the majority, or the number of candidates where it is smaller."""

Candidates = list[list[Candidate]]
Predictions = Mapping[str, Sequence[Prediction]]
"""Every model's predictions for the benchmark cases, by the model's key. Rewards are calibrated on the labels of
these cases, whose problems are not those of the candidates."""


def read_candidates(sampled: Sequence[SampledSolution], judged: Sequence[SolutionRewards]) -> Candidates:
    """The candidates with their rewards, problem by problem in the order of sampling."""
    problems: dict[str, list[Candidate]] = {}
    for row, reward in zip(sampled, judged, strict=True):
        tokens = row.tokens + reward.tokens + reward.prompt_tokens
        candidate = Candidate(row.group, row.correct, tuple(reward.rewards), tokens)
        problems.setdefault(row.problem_id, []).append(candidate)
    return list(problems.values())


def policy_candidates(store: TableStore, answer_set: str) -> Candidates:
    """The candidates of a set for a majority vote: without rewards, costing the policy's tokens only."""
    problems: dict[str, list[Candidate]] = {}
    for row in store.read(SampledSolution, "candidates", answer_set):
        problems.setdefault(row.problem_id, []).append(Candidate(row.group, row.correct, (), row.tokens))
    return list(problems.values())


def rewarded_candidates(store: TableStore, model: str, answer_set: str) -> Candidates:
    """The candidates of a set with a model's rewards, costing all tokens that were generated and read."""
    sampled = store.read(SampledSolution, "candidates", answer_set)
    judged = store.read(SolutionRewards, "best_of_n", partition_key(model, answer_set))
    return read_candidates(sampled, judged)


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


def _by_set(lineup: Lineup, store: TableStore, model: Model) -> dict[str, Candidates]:
    return {name: rewarded_candidates(store, model.key, name) for name in lineup.profile.scaling.sets}


def best_of_n_measures(lineup: Lineup, store: TableStore, predictions: Predictions) -> list[Measure]:
    """Accuracy over N of the profile's way of choosing, per model and set, beside the references. For a full model
    also of votes weighted with its rewards, and of both ways with calibrated rewards."""
    settings, resamples = lineup.profile.scaling, lineup.profile.evaluation.bootstrap
    rows = []
    for index, model in enumerate(lineup.rankers):
        for answer_set, problems in _by_set(lineup, store, model).items():
            for key, setting, chosen_from, select in _ways(lineup, model, problems, predictions, index == 0):
                rows += [
                    Measure(
                        table=Table.BEST_OF_N,
                        metric=Metric.ACCURACY,
                        value=point.accuracy,
                        unit=Unit.PERCENT,
                        count=len(chosen_from),
                        low=point.ci95.low,
                        high=point.ci95.high,
                        model=key,
                        setting=setting,
                        subset=answer_set,
                        n=point.n,
                    )
                    for point in curve(chosen_from, sizes(settings.candidates), select, resamples)
                ]
    return rows


def _ways(
    lineup: Lineup, model: Model, problems: Candidates, predictions: Predictions, first: bool
) -> list[tuple[str, str, Candidates, Selector]]:
    """The ways of choosing by a model's rewards, each as the model's key, a name, candidates and a selector. The
    first model's candidates also serve the ways that need no rewards."""
    aggregate = lineup.profile.scaling.aggregate
    ways: list[tuple[str, str, Candidates, Selector]] = [
        (model.key, f"best, {aggregate}", problems, best(aggregate))
    ]
    if lineup.is_full(model):
        ways.append((model.key, f"weighted vote, {aggregate}", problems, weighted_vote(aggregate)))
        calibrator = calibrator_of(predictions[model.key])
        if calibrator is not None:
            honest = calibrated(problems, calibrator)
            ways.append((model.key, f"best, {aggregate}, calibrated", honest, best(aggregate)))
            ways.append((model.key, f"weighted vote, {aggregate}, calibrated", honest, weighted_vote(aggregate)))
    if first:
        references = (("majority", majority), ("Pass@1", pass_at_1), ("Pass@N", pass_at_n))
        ways += [("", name, problems, select) for name, select in references]
    return ways


def best_of_n_claims(lineup: Lineup, store: TableStore, predictions: Predictions) -> list[Claim]:
    """Gains in accuracy, in points over the problems of all sets together.

    They are those of choosing by the full model's rewards over the majority, and over choosing by the rewards of
    the direct model, the discriminative one, ThinkPRM and the outcome verifier; of votes weighted with the full
    model's rewards over the majority; and of both once the rewards are calibrated.
    """
    fulls = lineup.fulls if lineup.profile.scaling.sets else ()
    return [one for full in fulls for one in _claims_of(lineup, store, full, predictions[full.key])]


def _claims_of(lineup: Lineup, store: TableStore, full: Model, judged: Sequence[Prediction]) -> list[Claim]:
    n = min(COMPARED_AT, lineup.profile.scaling.candidates)
    found = []
    for name, first, second in _pairs(lineup, store, full, judged):
        sides = Side(first[0], _accuracy(first, n)), Side(second[0], _accuracy(second, n))
        gain = accuracy_difference(
            first[1], second[1], n, (first[2], second[2]), lineup.profile.evaluation.bootstrap
        )
        found.append(claim(name, Metric.ACCURACY, sides, gain, len(first[1])))
    return found


def _pairs(
    lineup: Lineup, store: TableStore, full: Model, judged: Sequence[Prediction]
) -> Iterable[tuple[str, Way, Way]]:
    """What is compared: the name of a claim and its two sides."""
    settings = lineup.profile.scaling
    n = min(COMPARED_AT, settings.candidates)
    chosen, voted = best(settings.aggregate), weighted_vote(settings.aggregate)
    problems = _together(lineup, store, full)
    by_majority = ("majority", problems, majority)
    by_full = (f"best by {full.key}", problems, chosen)
    yield f"{full.key} weighted vote of {n} - majority", ("weighted vote", problems, voted), by_majority
    yield f"{full.key} best of {n} - majority", by_full, by_majority
    for name in (Mode.DIRECT, "discriminative", "think", "outcome"):
        other = lineup.trained(full.base, name)
        if other is not None:
            by_other = (str(name), _together(lineup, store, other), chosen)
            yield f"{full.key} best of {n} - {name}", by_full, by_other
    calibrator = calibrator_of(judged)
    if calibrator is not None:
        honest = calibrated(problems, calibrator)
        by_votes = ("calibrated weighted vote", honest, voted)
        by_honest = (f"best by {full.key}, calibrated", honest, chosen)
        yield f"{full.key} calibrated weighted vote of {n} - majority", by_votes, by_majority
        yield f"{full.key} calibrated best of {n} - majority", by_honest, by_majority
        yield f"{full.key} best of {n}: calibrated - as it is", by_honest, by_full


Way = tuple[str, Candidates, Selector]
"""A way of choosing: what it is called, the candidates with the rewards it sees, and how it chooses."""


def _accuracy(way: Way, n: int) -> float:
    _, problems, select = way
    return 100 * statistics.fmean(accuracy_at(problems, n, select))


def _together(lineup: Lineup, store: TableStore, model: Model) -> Candidates:
    return [problem for problems in _by_set(lineup, store, model).values() for problem in problems]
