"""The orderings that the paper reports, looked for in our own numbers.

Each is a difference with a paired interval where the two sides judge the same cases. One that does not come out
is said in one line below the result table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assets.pipeline import Pipeline
from genprm.benchmarks.metrics import Judged, f1_difference, score, single_paths, voted
from genprm.records import Measure, Prediction
from genprm.settings import MAIN_VARIANT

JUDGES, DIFFERENCES = "judges", "differences"


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two ways of judging the same cases: (model key, whether its paths vote) on each side."""

    name: str
    first: tuple[str, bool]
    second: tuple[str, bool]


def contrasts(pipeline: Pipeline) -> list[Contrast]:
    """What the paper compares, for every base that was trained in the modes it takes."""
    found = []
    modes = pipeline.profile.training.modes
    several = pipeline.profile.evaluation.votes > 1
    for base in pipeline.profile.training.base:
        for variant in pipeline.profile.training.variants:
            full, direct, cot = (f"{base}.{variant}.{mode}" for mode in ("full", "direct", "cot"))
            if "full" not in modes:
                continue
            label = "full" if variant == MAIN_VARIANT else f"full ({variant})"
            if len(pipeline.profile.training.base) > 1:
                label = f"{base} {label}"
            found.append(Contrast(f"{label} - untrained", (full, False), (f"{base}.untrained", False)))
            if "direct" in modes:
                found.append(Contrast(f"{label} - direct", (full, False), (direct, False)))
            if "cot" in modes:
                found.append(Contrast(f"{label} - cot", (full, False), (cot, False)))
            if several:
                found.append(Contrast(f"{label} Maj - Pass@1", (full, True), (full, False)))
            if variant != MAIN_VARIANT and MAIN_VARIANT in pipeline.profile.training.variants:
                main = f"{base}.{MAIN_VARIANT}.full"
                found.append(Contrast(f"labels {MAIN_VARIANT} - {variant}", (main, False), (full, False)))
    return found


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
    """Differences of mean F1 in points with paired 95 % intervals."""
    settings = pipeline.profile.evaluation
    rows = []
    for contrast in contrasts(pipeline):
        (one, one_votes), (other, other_votes) = contrast.first, contrast.second
        found = f1_difference(
            _side(predictions[one], one_votes, settings.threshold),
            _side(predictions[other], other_votes, settings.threshold),
            settings.bootstrap,
        )
        low, high = found.ci95
        count = len(predictions[one])
        rows.append(Measure(DIFFERENCES, contrast.name, "F1", found.points, low, high, "points", count))
    return rows


def notes(measures: Sequence[Measure]) -> list[str]:
    """One line for each ordering of the paper that these numbers do not show."""
    lines = []
    for row in measures:
        if row.group != DIFFERENCES or row.low is None or row.high is None:
            continue
        interval = f"{row.value:+.1f} points, 95 % [{row.low:+.1f}, {row.high:+.1f}]"
        if row.high < 0:
            lines.append(f"Other than in the paper: {row.subject} is below zero ({interval}).")
        elif row.value <= 0:
            lines.append(f"Not as in the paper: {row.subject} is not above zero ({interval}).")
        elif row.low <= 0:
            lines.append(f"Not certain: {row.subject} is above zero, its interval is not clear of it ({interval}).")
    lines += _label_notes(measures)
    return lines


def _label_notes(measures: Sequence[Measure]) -> list[str]:
    exact = {m.subject: m.value for m in measures if m.group == "labels" and m.name == "exact first error"}
    f1 = {m.subject: m.value for m in measures if m.group == "labels" and m.name == "F1"}
    if not {MAIN_VARIANT, "hard"} <= set(exact):
        return []
    if exact[MAIN_VARIANT] > exact["hard"] and f1[MAIN_VARIANT] > f1["hard"]:
        return []
    return [
        "Not as in the paper: main labels are not better than hard ones against the truth "
        f"(exact first error {exact[MAIN_VARIANT]:.1f} against {exact['hard']:.1f} %, "
        f"F1 {f1[MAIN_VARIANT]:.1f} against {f1['hard']:.1f} %)."
    ]
