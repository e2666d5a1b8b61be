"""The orderings that the paper claims, looked for in our own numbers.

Each is a difference with a 95 % interval, paired where the two sides judge the same cases or choose for the same
problems. It holds when the interval is above zero, does not hold when it is below, and is else not decided by as
many cases as there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from assets.partitions import Pipeline
from genprm.evaluation.metrics import Judged, f1_difference, score, single_paths, voted
from genprm.intervals import Difference
from genprm.records import Measure, Prediction
from genprm.results import paper
from genprm.settings import LabelVariant

JUDGES, DIFFERENCES, COMPARED = "judges", "differences", "compared"
NO_WORSE = ", no worse"
"""What the name of a difference ends with when all that is claimed is that the first side is not clearly worse."""
MARGIN = 5.0
"""Points that count as clearly worse."""

GENPRM = paper.PROCESSBENCH["GenPRM-7B, Pass@1"]
DIRECT = paper.PROCESSBENCH["Direct Generative PRM-7B"]

Verdict = Literal["holds", "does not hold", "not decided"]


@dataclass(frozen=True, slots=True)
class Side:
    """One way of judging: a model, and whether its paths vote (Maj@N) or count one by one (Pass@1)."""

    model: str
    votes: bool = False

    @property
    def label(self) -> str:
        """What it is called."""
        return f"{self.model} {'Maj' if self.votes else 'Pass@1'}"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A claim that the first way of judging is better than the second, with the two F1 that the paper reports."""

    name: str
    first: Side
    second: Side
    paper: tuple[float, float] | None = None


def contrasts(pipeline: Pipeline) -> list[Contrast]:
    """What the paper compares, for every base, as far as the profile has the models."""
    found = []
    known = {model.key for model in pipeline.judges}
    for base in pipeline.profile.training.base:
        full = pipeline.full(base)
        stem = full.removesuffix(".full")
        label = "full" if len(pipeline.profile.training.base) == 1 else f"{base} full"
        sides = [
            Contrast(f"{label} - untrained", Side(full), Side(f"{base}.untrained")),
            Contrast(f"{label} - direct", Side(full), Side(f"{stem}.direct"), (GENPRM.mean, DIRECT.mean)),
            Contrast(f"{label} - discriminative", Side(full), Side(f"{stem}.discriminative")),
            Contrast(f"{label} - think", Side(full), Side(f"{stem}.think")),
            Contrast(f"{label} - cot", Side(full), Side(f"{stem}.cot"), _component("cot", "cot")),
            Contrast(
                f"{label}: code run - not run", Side(full), Side(f"{full}.as-text"), _component("full", "text")
            ),
        ]
        if pipeline.profile.evaluation.votes > 1:
            reported = (paper.PROCESSBENCH["GenPRM-7B, Maj@8"].mean, GENPRM.mean)
            sides.append(Contrast(f"{label} Maj - Pass@1", Side(full, True), Side(full), reported))
        found += [one for one in sides if {one.first.model, one.second.model} <= known]
        found += _label_contrasts(pipeline, base) if full in known else []
    return found


def _component(trained: str, judging: str) -> tuple[float, float]:
    """Full mode against another row of the components' table, Maj@8."""
    return paper.COMPONENTS["full", "full"].mean, paper.COMPONENTS[trained, judging].mean


def _label_contrasts(pipeline: Pipeline, base: str) -> list[Contrast]:
    labels, (first, *others) = pipeline.profile.labels, pipeline.profile.training.variants
    name = "" if len(pipeline.profile.training.base) == 1 else f"{base} "
    found = []
    for other in others:
        ours, theirs = (paper.LABELS.get(label_setting(labels.variant(one))) for one in (first, other))
        reported = (ours.pass_at_1, theirs.pass_at_1) if ours and theirs else None
        sides = Side(f"{base}.{first}.full"), Side(f"{base}.{other}.full")
        found.append(Contrast(f"{name}labels {first} - {other}", *sides, reported))
    return found


def label_setting(variant: LabelVariant) -> tuple[str, float]:
    """How the paper names a label setting: estimator and threshold; that of hard labels is always 0.

    >>> label_setting(LabelVariant(estimator="hard", epsilon=0.8))
    ('hard', 0.0)
    """
    return variant.estimator, 0.0 if variant.estimator == "hard" else variant.epsilon


def _side(rows: Sequence[Prediction], votes: bool, threshold: float) -> list[Judged]:
    return voted(rows) if votes else single_paths(rows, threshold)


def judge_measures(pipeline: Pipeline, predictions: Mapping[str, Sequence[Prediction]]) -> list[Measure]:
    """F1 of every model with its 95 % interval: Pass@1, and Maj@N where paths were voted."""
    settings = pipeline.profile.evaluation
    rows = []
    for model, cases in predictions.items():
        paths = len(cases[0].path_rewards)
        sides = [("Pass@1", False)] + ([(f"Maj@{paths}", True)] if paths > 1 else [])
        for name, votes in sides:
            found = score(_side(cases, votes, settings.threshold), settings.bootstrap)
            if found.mean_f1 is None or found.mean_f1_ci95 is None:
                continue
            overall = found.mean_f1_ci95
            rows.append(Measure(JUDGES, model, f"F1 {name}", found.mean_f1, *overall, "%", len(cases)))
            for subset, part in found.subsets.items():
                columns = (("F1", part.f1), ("wrong found", part.error_acc), ("right left alone", part.correct_acc))
                for column, value in columns:
                    if value is not None:
                        known = part.f1_ci95 if column == "F1" else None
                        low, high = known or (None, None)
                        count = part.n_error + part.n_correct
                        label = f"{subset}: {column} {name}"
                        rows.append(Measure(JUDGES, model, label, value, low, high, "%", count))
    return rows


def difference_measures(pipeline: Pipeline, predictions: Mapping[str, Sequence[Prediction]]) -> list[Measure]:
    """Differences of mean F1 in points with paired 95 % intervals, and the two numbers of each."""
    settings = pipeline.profile.evaluation
    rows = []
    for contrast in contrasts(pipeline):
        first, second = (
            _side(predictions[side.model], side.votes, settings.threshold)
            for side in (contrast.first, contrast.second)
        )
        values = [score(side, 100).mean_f1 or 0.0 for side in (first, second)]
        rows += compared(
            contrast.name,
            "F1",
            f1_difference(first, second, settings.bootstrap),
            {contrast.first.label: values[0], contrast.second.label: values[1]},
            len(first),
            contrast.paper,
        )
    return rows


def compared(
    claim: str,
    name: str,
    difference: Difference,
    sides: Mapping[str, float],
    count: int,
    reported: tuple[float, float] | None = None,
    unit: str = "%",
) -> list[Measure]:
    """A claim as measures: the difference (first side minus second) and the two sides, ours and the paper's."""
    rows = [Measure(DIFFERENCES, claim, name, difference.points, *difference.ci95, "points", count)]
    rows += [Measure(COMPARED, claim, side, value, None, None, unit, count) for side, value in sides.items()]
    if reported is not None:
        rows += [
            Measure(COMPARED, claim, f"paper {place}", value, None, None, unit, paper.CASES)
            for place, value in zip(("first", "second"), reported, strict=True)
        ]
    return rows


def verdict(row: Measure) -> Verdict:
    """What a difference says about the ordering that is claimed.

    Raises:
        ValueError: it has no interval.
    """
    if row.low is None or row.high is None:
        raise ValueError(f"{row.subject}: a difference without an interval decides nothing")
    bound = -MARGIN if row.name.endswith(NO_WORSE) else 0.0
    if row.low > bound:
        return "holds"
    return "does not hold" if row.high < bound else "not decided"


class Ordering(NamedTuple):
    """A claim as people read it: the two sides with their numbers, the difference, on how many items, the verdict,
    and what the paper reports for the two sides ("" where it reports nothing)."""

    claim: str
    measure: str
    first: str
    second: str
    difference: str
    interval: str
    items: int
    verdict: Verdict
    reported: str


def orderings(measures: Sequence[Measure]) -> list[Ordering]:
    """Every claim that was looked at, in order."""
    found = []
    for row in measures:
        if row.group != DIFFERENCES:
            continue
        sides = [one for one in measures if one.group == COMPARED and one.subject == row.subject]
        first, second = (f"{one.name} {one.value:.1f}" for one in sides[:2])
        reported = " and ".join(f"{one.value:.1f}" for one in sides[2:])
        difference, interval = f"{row.value:+.1f} {row.unit}", f"{row.low:+.1f} to {row.high:+.1f}"
        found.append(
            Ordering(row.subject, row.name, first, second, difference, interval, row.count, verdict(row), reported)
        )
    return found


def notes(measures: Sequence[Measure]) -> list[str]:
    """One line for each ordering of the paper that these numbers do not show."""
    lines = []
    for row in measures:
        if row.group != DIFFERENCES:
            continue
        found = verdict(row)
        if found != "holds":
            interval = f"{row.value:+.1f} {row.unit}, 95 % [{row.low:+.1f}, {row.high:+.1f}], {row.count} items"
            lines.append(f"{found.capitalize()}: {row.subject} ({row.name}: {interval}).")
    return lines
