"""The orderings that the paper claims, looked for in our own numbers.

Each is a difference with a 95 % interval, paired where the two sides judge the same cases or choose for the same
problems. A claim holds when the interval is above zero, does not hold when it is below, and otherwise is not
decided by the available cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from genprm.evaluation.metrics import Judged, f1_difference, score, single_paths, voted
from genprm.intervals import Difference
from genprm.lineup import Lineup, Model
from genprm.modes import Mode
from genprm.records import Prediction
from genprm.registry import ESTIMATORS
from genprm.results import paper
from genprm.results.measures import Metric, Unit
from genprm.settings import LabelVariant

CLEARLY_WORSE = 5.0
"""Points that count as clearly worse."""

GENPRM = paper.PROCESSBENCH["GenPRM-7B, Pass@1"]
DIRECT = paper.PROCESSBENCH["Direct Generative PRM-7B"]

Verdict = Literal["holds", "does not hold", "not decided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim that a first way is better than a second, with the numbers of a run.

    `difference` is the value of the first side minus that of the second, in `unit`, on `count` items. With a
    `margin`, the claim is only that the first side is not worse by more than the margin. `first_paper` and
    `second_paper` are what the paper reports for the two sides, where it does.
    """

    name: str
    metric: Metric
    first: str
    first_value: float
    second: str
    second_value: float
    difference: float
    low: float
    high: float
    unit: Unit
    count: int
    margin: float = 0.0
    first_paper: float | None = None
    second_paper: float | None = None

    @property
    def verdict(self) -> Verdict:
        """What the interval says about the ordering that is claimed."""
        if self.low > -self.margin:
            return "holds"
        return "does not hold" if self.high < -self.margin else "not decided"


class Side(NamedTuple):
    """One side of a claim: its name and its value."""

    name: str
    value: float


def claim(
    name: str,
    metric: Metric,
    sides: tuple[Side, Side],
    difference: Difference,
    count: int,
    reported: tuple[float, float] | None = None,
) -> Claim:
    """A claim about two sides, in points; `reported` are the paper's values for them."""
    first, second = sides
    first_paper, second_paper = reported or (None, None)
    return Claim(
        name=name,
        metric=metric,
        first=first.name,
        first_value=first.value,
        second=second.name,
        second_value=second.value,
        difference=difference.points,
        low=difference.ci95.low,
        high=difference.ci95.high,
        unit=Unit.POINTS,
        count=count,
        first_paper=first_paper,
        second_paper=second_paper,
    )


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """One way of judging: a model, and whether its paths vote (Maj@N) or count one by one (Pass@1)."""

    model: Model
    votes: bool = False

    @property
    def label(self) -> str:
        """The name of this side in a claim."""
        return f"{self.model.key} {'Maj' if self.votes else 'Pass@1'}"

    def read(self, rows: Sequence[Prediction], threshold: float) -> list[Judged]:
        """Its predictions for the cases that the model judged."""
        return voted(rows) if self.votes else single_paths(rows, threshold)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A claim that the first way of judging is better than the second, with the two F1 that the paper reports."""

    name: str
    first: JudgedBy
    second: JudgedBy
    paper: tuple[float, float] | None = None


def contrasts(lineup: Lineup) -> list[Contrast]:
    """What the paper compares, for every base, as far as the profile has the models."""
    return [contrast for full in lineup.fulls for contrast in _contrasts_of(lineup, full)]


def _contrasts_of(lineup: Lineup, full: Model) -> Iterable[Contrast]:
    label = "full" if len(lineup.profile.training.base) == 1 else f"{full.base} full"
    others = (
        (f"{label} - untrained", lineup.untrained(full.base), None),
        (f"{label} - direct", lineup.trained(full.base, Mode.DIRECT), (GENPRM.mean, DIRECT.mean)),
        (f"{label} - discriminative", lineup.trained(full.base, "discriminative"), None),
        (f"{label} - think", lineup.trained(full.base, "think"), None),
        (f"{label} - outcome", lineup.trained(full.base, "outcome"), None),
        (f"{label} - cot", lineup.trained(full.base, Mode.COT), _component("cot", "cot")),
        (f"{label}: code run - not run", lineup.asked_as(full, Mode.TEXT), _component("full", "text")),
    )
    for name, other, reported in others:
        if other is not None:
            yield Contrast(name, JudgedBy(full), JudgedBy(other), reported)
    reinforced = lineup.trained(full.base, "full.rl")
    if reinforced is not None:
        yield Contrast(f"{label}: after rl - before", JudgedBy(reinforced), JudgedBy(full))
    if lineup.profile.evaluation.votes > 1:
        maj = (paper.PROCESSBENCH["GenPRM-7B, Maj@8"].mean, GENPRM.mean)
        yield Contrast(f"{label} Maj - Pass@1", JudgedBy(full, True), JudgedBy(full), maj)
    yield from _label_contrasts(lineup, full)


def _component(trained: str, judging: str) -> tuple[float, float]:
    """The paper's F1 of the full mode and of another row of the components table (Maj@8)."""
    return paper.COMPONENTS["full", "full"].mean, paper.COMPONENTS[trained, judging].mean


def _label_contrasts(lineup: Lineup, full: Model) -> Iterable[Contrast]:
    labels, (first, *others) = lineup.profile.labels, lineup.profile.training.variants
    prefix = "" if len(lineup.profile.training.base) == 1 else f"{full.base} "
    for variant in others:
        ours, theirs = (paper.LABELS.get(label_setting(labels.variant(one))) for one in (first, variant))
        reported = (ours.pass_at_1, theirs.pass_at_1) if ours and theirs else None
        other = lineup.trained(full.base, Mode.FULL, variant)
        if other is not None:
            yield Contrast(f"{prefix}labels {first} - {variant}", JudgedBy(full), JudgedBy(other), reported)


def label_setting(variant: LabelVariant) -> tuple[str, float]:
    """The key of a label setting among the paper's numbers: estimator and threshold, 0 for one without a threshold.

    >>> label_setting(LabelVariant(estimator="hard", epsilon=0.8))
    ('hard', 0.0)
    """
    return variant.estimator, ESTIMATORS.get(variant.estimator).threshold(variant.epsilon)


def judging_claims(lineup: Lineup, predictions: Mapping[str, Sequence[Prediction]]) -> list[Claim]:
    """Differences of mean F1 in points with paired 95 % intervals, each with the F1 of both sides."""
    settings = lineup.profile.evaluation
    found = []
    for contrast in contrasts(lineup):
        sides = (contrast.first, contrast.second)
        first, second = (side.read(predictions[side.model.key], settings.threshold) for side in sides)
        values = [score(judged, 100).mean_f1 or 0.0 for judged in (first, second)]
        named = Side(sides[0].label, values[0]), Side(sides[1].label, values[1])
        difference = f1_difference(first, second, settings.bootstrap)
        found.append(claim(contrast.name, Metric.F1, named, difference, len(first), contrast.paper))
    return found
