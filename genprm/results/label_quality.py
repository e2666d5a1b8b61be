"""How good the labels of each variant are, and what the filter makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from genprm.consensus import count_reasons
from genprm.intervals import paired_difference
from genprm.labels.progress import found_errors
from genprm.lineup import Lineup
from genprm.miniature.world.judge import judge
from genprm.records import NO_ERROR, FilterDecision, Solution, StepLabels
from genprm.registry import ESTIMATORS
from genprm.results.claims import Claim, Side, claim
from genprm.results.measures import Measure, Metric, Table, percentage, share
from genprm.settings import MAIN_VARIANT, LabelVariant
from genprm.store import TableStore


@dataclass(frozen=True, slots=True)
class LabelHit:
    """Whether the labels of a solution find exactly its first wrong step, or that there is none."""

    solution_id: str
    problem_id: str
    exact: bool


def _share(variant: str, metric: Metric, part: int, whole: int, setting: str = "") -> Measure:
    return replace(share(Table.LABELS, metric, part, whole), variant=variant, setting=setting)


def label_shares(variant: str, labels: list[StepLabels]) -> list[Measure]:
    """Steps labelled wrong, and solutions in which some step is."""
    steps = [label for row in labels for label in row.labels]
    with_error = sum(row.first_error != NO_ERROR for row in labels)
    return [
        _share(variant, Metric.STEPS_LABELLED_WRONG, steps.count(0), len(steps)),
        _share(variant, Metric.SOLUTIONS_WITH_WRONG_STEP, with_error, len(labels)),
    ]


def filter_shares(variant: str, decisions: list[FilterDecision]) -> list[Measure]:
    """The share of solutions that was decided for each reason; `agree` is what the filter keeps."""
    reasons = count_reasons(decisions)
    return [_share(variant, Metric.FILTERED, n, len(decisions), reason) for reason, n in reasons.items()]


def true_first_errors(solutions: Iterable[Solution]) -> dict[str, int]:
    """The program's first wrong step per solution id; solutions that the program cannot judge are left out."""
    judged = {solution.id: judge(solution.problem, solution.steps) for solution in solutions}
    return {name: verdict.first_error for name, verdict in judged.items() if verdict.kind != "format"}


def against_truth(
    variant: str, labels: list[StepLabels], decisions: list[FilterDecision], truth: dict[str, int]
) -> list[Measure]:
    """Labels against truth, up to and including the first wrong step: exact first error, precision, recall, F1."""
    known = [row for row in labels if row.solution_id in truth]
    exact = sum(row.first_error == truth[row.solution_id] for row in known)
    found = found_errors((row.labels, truth[row.solution_id]) for row in known)
    kept = [row for row in decisions if row.kept and row.solution_id in truth]
    kept_exact = sum(row.label_first_error == truth[row.solution_id] for row in kept)
    recall = _share(variant, Metric.RECALL, found.hits, found.wrong)
    return [
        _share(variant, Metric.EXACT_FIRST_ERROR, exact, len(known)),
        _share(variant, Metric.PRECISION, found.hits, found.hits + found.alarms),
        recall,
        replace(recall, metric=Metric.F1, value=found.f1),
        _share(variant, Metric.KEPT_EXACT_FIRST_ERROR, kept_exact, len(kept)),
    ]


def label_hits(
    labels: Sequence[StepLabels], solutions: Mapping[str, Solution], truth: Mapping[str, int]
) -> list[LabelHit]:
    """Labels against truth, solution by solution, where the truth is known."""
    known = [row for row in labels if row.solution_id in truth]
    return [
        LabelHit(row.solution_id, solutions[row.solution_id].problem_id, row.first_error == truth[row.solution_id])
        for row in known
    ]


def _has_threshold(variant: LabelVariant) -> bool:
    return ESTIMATORS.get(variant.estimator).has_threshold


def label_claims(lineup: Lineup, store: TableStore) -> list[Claim]:
    """How much more often the labels of the main variant find the first wrong step than those of each variant
    without a threshold, such as hard labels."""
    labels, resamples = lineup.profile.labels, lineup.profile.evaluation.bootstrap
    found = []
    for name, other in labels.variants.items():
        if _has_threshold(labels) and not _has_threshold(other):
            ours, theirs = (store.read(LabelHit, "label_hits", one) for one in (MAIN_VARIANT, name))
            if ours:
                found.append(compare_hits((MAIN_VARIANT, ours), (name, theirs), resamples))
    return found


def compare_hits(
    first: tuple[str, Sequence[LabelHit]], second: tuple[str, Sequence[LabelHit]], resamples: int
) -> Claim:
    """Compare exact first errors of two label variants on the same solutions; those of a problem are resampled
    together.

    Raises:
        ValueError: the two are not about the same solutions.
    """
    problems: dict[str, list[float]] = {}
    for one, other in zip(first[1], second[1], strict=True):
        if one.solution_id != other.solution_id:
            raise ValueError(f"label variants {first[0]} and {second[0]} are not about the same solutions")
        problems.setdefault(one.problem_id, []).append(float(one.exact) - float(other.exact))
    ours, theirs = (
        Side(name, percentage(sum(hit.exact for hit in hits), len(hits))) for name, hits in (first, second)
    )
    difference = paired_difference(list(problems.values()), resamples=resamples)
    name = f"labels {first[0]} - {second[0]}, quality"
    return claim(name, Metric.EXACT_FIRST_ERROR, (ours, theirs), difference, len(first[1]))
