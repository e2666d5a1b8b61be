"""Simulated Monte-Carlo estimation: right labels against rollouts, for fixed K and for sequential stopping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genprm.intervals import Interval, percentile_interval
from genprm.labels.progress import found_errors, label_steps
from genprm.monte_carlo.simulated import KnownSolution, Rollouts, estimate
from genprm.records import StepScores
from genprm.settings import LabelVariant, MonteCarloSettings, SequentialSettings
from genprm.speed.tables import Cell

REFERENCE = 1024
"""Rollouts per step behind the labels that the others are compared with."""
ZONE = 0.1
"""Steps whose exact progress is this close to epsilon, or whose share is above 0 and below `dead_below`, are in the
indifference zone: no affordable number of rollouts decides their label."""
RESAMPLES = 1000

PAPER = "K of the paper"
NOTES = (
    f"agree: steps labelled as {REFERENCE} rollouts label them; points: beside the paper's K, with 95 % interval.",
    f"zone: progress within {ZONE} of epsilon, or a share that may be taken for 0; wrong: not the exact label.",
    "F1: of finding the first wrong step, where it is known.",
    "decided: stopped as kept, lost or dead, which is wrong with at most the stated error probability.",
)


def fixed(rollouts: int) -> MonteCarloSettings:
    """The same K for every problem."""
    return MonteCarloSettings(tiers=(), rollouts_otherwise=rollouts)


def sequential(error: float, flip: float, epsilon: float = 0.8) -> MonteCarloSettings:
    """Sequential stopping with at most the paper's K."""
    stopping = SequentialSettings(error=error, flip=flip, epsilon=epsilon)
    return MonteCarloSettings(estimator="sequential", sequential=stopping)


def compared(epsilon: float) -> dict[str, MonteCarloSettings]:
    """The settings that the table compares, by name: the paper's K first."""
    ways = {PAPER: MonteCarloSettings()}
    ways |= {f"K = {rollouts}": fixed(rollouts) for rollouts in (8, 16, 32, 64, 128)}
    for flip in (0.0, 0.01, 0.02, 0.05, 0.1):
        for error in (0.01, 0.05, 0.1, 0.2) if not flip else (0.1,):
            ways[f"error {error:g}, flip {flip:g}"] = sequential(error, flip, epsilon)
    return ways


@dataclass
class Tally:
    """Results of one way of estimating, summed over solutions; lists hold one number per solution."""

    rollouts: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    agree: list[int] = field(default_factory=list)
    labelled: list[tuple[Sequence[int], int]] = field(default_factory=list)
    """Labels with the first wrong step, where that is known."""
    decided: int = 0
    decided_wrong: int = 0
    clear: int = 0
    clear_wrong: int = 0
    zone: int = 0
    zone_wrong: int = 0
    undecided: int = 0

    def add(self, scores: StepScores, labels: Sequence[int], reference: Sequence[int], truth: ExactLabels) -> None:
        self.rollouts.append(sum(scores.rollouts))
        self.steps.append(len(labels))
        self.agree.append(sum(a == b for a, b in zip(labels, reference, strict=True)))
        if truth.first_error is not None:
            self.labelled.append((labels, truth.first_error))
        for label, exact, in_zone, reason in zip(labels, truth.labels, truth.zone, scores.stopped, strict=True):
            wrong = label != exact
            if reason in ("kept", "lost", "dead"):
                self.decided += 1
                self.decided_wrong += wrong
            self.undecided += reason == "all_drawn"
            if in_zone:
                self.zone += 1
                self.zone_wrong += wrong
            else:
                self.clear += 1
                self.clear_wrong += wrong


@dataclass(frozen=True)
class ExactLabels:
    """Labels from the exact shares, which steps are in the indifference zone, and the first step that is wrong."""

    labels: list[int]
    zone: list[bool]
    first_error: int | None

    @classmethod
    def of(cls, solution: KnownSolution, variant: LabelVariant, dead_below: float) -> ExactLabels:
        shares, given = solution.shares, solution.pass_at_1
        found = label_steps(StepScores("", "", given, shares, [], 0), variant)
        lowest = min(dead_below, given / 2)
        unclear = [
            abs(progress - variant.epsilon) < ZONE or 0 < share < lowest
            for progress, share in zip(found.progress, shares, strict=True)
        ]
        # A step is unclear, too, if one before it may be taken for dead.
        dead = [0 < share < lowest for share in shares]
        zone = [here or any(dead[:step]) for step, here in enumerate(unclear)]
        return cls(found.labels, zone, solution.first_error)


def compare(
    solutions: Iterable[KnownSolution], ways: Mapping[str, MonteCarloSettings], epsilon: float = 0.8, seed: int = 0
) -> dict[str, Tally]:
    """Run every way on the same solutions and the same rollouts; the reference draws its own rollouts."""
    variant = LabelVariant(epsilon=epsilon)
    rng = np.random.default_rng(seed)
    most = max(way.rollouts_otherwise for way in ways.values())
    most = max([most, *(tier.rollouts for way in ways.values() for tier in way.tiers)])
    tallies = {name: Tally() for name in ways}
    for solution in solutions:
        rollouts = Rollouts(solution, most, rng)
        reference_scores = estimate(solution, Rollouts(solution, REFERENCE, rng), fixed(REFERENCE))
        reference = label_steps(reference_scores, variant).labels
        for name, way in ways.items():
            scores = estimate(solution, rollouts, way)
            truth = ExactLabels.of(solution, variant, way.sequential.dead_below)
            tallies[name].add(scores, label_steps(scores, variant).labels, reference, truth)
    return tallies


def table(tallies: Mapping[str, Tally]) -> list[dict[str, Cell]]:
    """One row per way: cost and agreement relative to the paper's K, errors against the exact labels."""
    paper = tallies[PAPER]
    return [{"estimator": name, **_row(tally, paper)} for name, tally in tallies.items()]


def _row(tally: Tally, paper: Tally) -> dict[str, Cell]:
    low, high = agreement_interval(tally, paper)
    steps = sum(tally.steps)
    return {
        "rollouts/step": sum(tally.rollouts) / steps,
        "of the paper's (%)": 100 * sum(tally.rollouts) / sum(paper.rollouts),
        "agree (%)": 100 * sum(tally.agree) / steps,
        "points": 100 * (sum(tally.agree) - sum(paper.agree)) / steps,
        "low": low,
        "high": high,
        "F1 (%)": found_errors(tally.labelled).f1 if tally.labelled else None,
        "clear wrong (%)": _percent(tally.clear_wrong, tally.clear),
        "zone (%)": _percent(tally.zone, steps),
        "zone wrong (%)": _percent(tally.zone_wrong, tally.zone),
        "decided (%)": _percent(tally.decided, steps),
        "decided wrong (%)": _percent(tally.decided_wrong, tally.decided),
        "undecided at K (%)": _percent(tally.undecided, steps),
    }


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def agreement_interval(tally: Tally, paper: Tally) -> Interval:
    """95 % bootstrap interval, over solutions, of the difference in agreement with the paper's K, in points."""
    rng = np.random.default_rng(0)
    difference, steps = np.array(tally.agree) - np.array(paper.agree), np.array(tally.steps)
    chosen = rng.integers(len(steps), size=(RESAMPLES, len(steps)))
    points = 100 * difference[chosen].sum(axis=1) / steps[chosen].sum(axis=1)
    return percentile_interval(points)


def draw_curve(rows: Mapping[str, Sequence[Mapping[str, Cell]]], path: Path) -> None:
    """Cost against disagreement, a panel for each set of solutions, written as PNG."""
    from matplotlib.figure import Figure

    columns = min(2, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.3 * lines), dpi=90, layout="constrained")
    kinds = {
        "fixed K": ("K = ", "o-", "#8c8c8c"),
        "sequential, decided only": ("flip 0", "s-", "#9dbbdc"),
        "sequential, decided or settled": ("flip", "D-", "#3b6ea5"),
        PAPER: (PAPER, "*", "#c0504d"),
    }
    panels = np.ravel(figure.subplots(lines, columns, squeeze=False))
    for axes, (title, group) in zip(panels, rows.items(), strict=False):
        for label, (mark, style, colour) in kinds.items():
            chosen = [row for row in group if _is_kind(str(row["estimator"]), mark)]
            x = [row["of the paper's (%)"] for row in chosen]
            y = [100 - float(row["agree (%)"] or 0) for row in chosen]
            axes.plot(x, y, style, color=colour, label=label)
        axes.set(
            title=title, xlabel="rollouts (% of the paper's)", ylabel="labels unlike K = 1024 (%)", ylim=(0, None)
        )
        axes.axvline(100 / 3, color="#c8c8c8", linewidth=0.8, linestyle=":")
        axes.legend(fontsize=7)
    figure.savefig(path, format="png")


def _is_kind(name: str, mark: str) -> bool:
    if mark == "flip":
        return "flip" in name and not name.endswith("flip 0")
    return name.endswith(mark) if mark == "flip 0" else name.startswith(mark)
