"""How good the labels of each variant are, and what the filter makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assets.partitions import Pipeline
from assets.resources import Store
from genprm.consensus import count_reasons
from genprm.intervals import paired_difference
from genprm.labels.progress import found_errors
from genprm.miniature.world.judge import judge
from genprm.records import NO_ERROR, FilterDecision, Measure, Solution, StepLabels
from genprm.results.claims import compared
from genprm.settings import MAIN_VARIANT

GROUP = "labels"


@dataclass(frozen=True, slots=True)
class LabelHit:
    """Whether the labels of a solution find exactly its first wrong step, or that there is none."""

    solution_id: str
    problem_id: str
    exact: bool


def _percent(variant: str, name: str, part: int, whole: int) -> Measure:
    value = 100 * part / whole if whole else 0.0
    return Measure(GROUP, variant, name, value, None, None, "%", whole)


def label_shares(variant: str, labels: list[StepLabels]) -> list[Measure]:
    """Steps labelled wrong, and solutions in which some step is."""
    steps = [label for row in labels for label in row.labels]
    with_error = sum(row.first_error != NO_ERROR for row in labels)
    return [
        _percent(variant, "steps labelled wrong", steps.count(0), len(steps)),
        _percent(variant, "solutions with a wrong step", with_error, len(labels)),
    ]


def filter_shares(variant: str, decisions: list[FilterDecision]) -> list[Measure]:
    """The share of solutions that was decided for each reason; `agree` is what the filter keeps."""
    reasons = count_reasons(decisions)
    return [_percent(variant, f"filter: {reason}", n, len(decisions)) for reason, n in reasons.items()]


def true_first_errors(solutions: Iterable[Solution]) -> dict[str, int]:
    """The program's first wrong step per solution id; solutions about which it claims nothing are left out."""
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
    return [
        _percent(variant, "exact first error", exact, len(known)),
        _percent(variant, "precision", found.hits, found.hits + found.alarms),
        _percent(variant, "recall", found.hits, found.wrong),
        Measure(GROUP, variant, "F1", found.f1, None, None, "%", found.wrong),
        _percent(variant, "exact first error in the kept", kept_exact, len(kept)),
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


def label_differences(pipeline: Pipeline, store: Store) -> list[Measure]:
    """How much more often the labels of the main variant find the first wrong step than hard labels do."""
    labels, resamples = pipeline.profile.labels, pipeline.profile.evaluation.bootstrap
    rows = []
    for name, other in labels.variants.items():
        if other.estimator == "hard" and labels.estimator != "hard":
            ours, theirs = (store.read(LabelHit, "label_hits", one) for one in (MAIN_VARIANT, name))
            rows += compare_hits((MAIN_VARIANT, ours), (name, theirs), resamples) if ours else []
    return rows


def compare_hits(
    first: tuple[str, Sequence[LabelHit]], second: tuple[str, Sequence[LabelHit]], resamples: int
) -> list[Measure]:
    """Exact first errors of two label variants on the same solutions, those of a problem drawn together.

    Raises:
        ValueError: the two are not about the same solutions.
    """
    problems: dict[str, list[float]] = {}
    for one, other in zip(first[1], second[1], strict=True):
        if one.solution_id != other.solution_id:
            raise ValueError(f"label variants {first[0]} and {second[0]} are not about the same solutions")
        problems.setdefault(one.problem_id, []).append(float(one.exact) - float(other.exact))
    sides = {name: 100 * sum(hit.exact for hit in found) / len(found) for name, found in (first, second)}
    difference = paired_difference(list(problems.values()), resamples=resamples)
    claim = f"labels {first[0]} - {second[0]}, quality"
    return compared(claim, "exact first error", difference, sides, len(first[1]))
