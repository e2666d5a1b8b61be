"""Where relative progress pays: F1 of label estimators over K, strength and recovery of the completion model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genprm.intervals import percentile_interval
from genprm.labels.progress import found_errors, label_steps
from genprm.monte_carlo.simulated import KnownSolution, Rollouts, StepProcess, estimate
from genprm.settings import LabelVariant
from genprm.speed.monte_carlo import fixed
from genprm.speed.tables import Cell

STRENGTHS = (0.0, 1.0, 2.5)
RECOVERIES = (0.0, 0.05, 0.1, 0.3, 0.6)
ROLLOUTS = (8, 32, 128)
VARIANTS = {
    "hard": LabelVariant(estimator="hard"),
    "ratio 0.8": LabelVariant(),
    "ratio 0.5": LabelVariant(epsilon=0.5),
    "ratio 1.0": LabelVariant(epsilon=1.0),
    "difference -0.3": LabelVariant(estimator="difference", epsilon=-0.3),
    "changepoint": LabelVariant(estimator="changepoint", epsilon=0.5),
}
OURS, HARD, PAPER = "changepoint", "hard", "ratio 0.8"
MARGIN = "ours - better of hard and 0.8"
RESAMPLES = 500
NOTES = (
    "F1 of finding the first wrong step, in percent; low and high: 95 % interval of the margin.",
    "strength: log-odds of the completion model above Pass@1; recovery: part of the share that an error leaves.",
)


def label_map(solutions: int, seed: int = 0) -> list[dict[str, Cell]]:
    """One row per completion model and K."""
    rows = []
    for strength in STRENGTHS:
        for recovery in RECOVERIES:
            rng = np.random.default_rng([seed, int(10 * strength), int(100 * recovery)])
            known = StepProcess(strength, recovery).draw(rng, solutions)
            rows += [
                {"strength": strength, "recovery": recovery, "K": rollouts, **cell(known, rollouts, rng)}
                for rollouts in ROLLOUTS
            ]
    return rows


def cell(known: Sequence[KnownSolution], rollouts: int, rng: np.random.Generator) -> dict[str, Cell]:
    """F1 of every estimator on the same rollouts; and how far ours is above the better of the two that the paper
    compares, with a bootstrap interval over solutions."""
    labelled: dict[str, list[tuple[Sequence[int], int]]] = {name: [] for name in VARIANTS}
    for solution in known:
        if solution.first_error is None:
            raise ValueError("a solution without a known first error cannot say whether labels are right")
        scores = estimate(solution, Rollouts(solution, rollouts, rng), fixed(rollouts))
        for name, variant in VARIANTS.items():
            labelled[name].append((label_steps(scores, variant).labels, solution.first_error))
    counts = {name: np.array([found_errors([row]) for row in rows]) for name, rows in labelled.items()}
    f1 = {name: found_errors(rows).f1 for name, rows in labelled.items()}
    better = max((HARD, PAPER), key=lambda name: f1[name])
    chosen = rng.integers(len(known), size=(RESAMPLES, len(known)))
    low, high = percentile_interval(_f1(counts[OURS], chosen) - _f1(counts[better], chosen))
    return {**f1, MARGIN: f1[OURS] - f1[better], "low": low, "high": high}


def _f1(counts: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    hits, alarms, wrong = counts[chosen].sum(axis=1).T
    return np.asarray(200 * hits / np.maximum(1, hits + alarms + wrong))


def draw_map(rows: Sequence[dict[str, Cell]], path: Path) -> None:
    """Draw a PNG with two panels: where the paper's choice beats hard labels, and where ours beats the better of
    those two."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), dpi=90, layout="constrained")
    lines = [(strength, rollouts) for strength in STRENGTHS for rollouts in ROLLOUTS]
    found = {(row["strength"], row["K"], row["recovery"]): row for row in rows}
    titles = ("ratio 0.8 - hard", MARGIN)
    for axes, title in zip(figure.subplots(1, 2), titles, strict=True):
        cells = np.array(
            [[_points(found[strength, rollouts, r], title) for r in RECOVERIES] for strength, rollouts in lines]
        )
        image = axes.imshow(cells, cmap="RdBu", vmin=-30, vmax=30, aspect="auto")
        for (line, column), points in np.ndenumerate(cells):
            axes.text(column, line, f"{points:+.0f}", ha="center", va="center", fontsize=7)
        axes.set_xticks(range(len(RECOVERIES)), [f"{recovery:g}" for recovery in RECOVERIES])
        axes.set_yticks(range(len(lines)), [f"{strength:g}, K = {rollouts}" for strength, rollouts in lines])
        axes.set(title=f"F1, {title}", xlabel="recovery", ylabel="strength, K")
        figure.colorbar(image, ax=axes, label="points")
    figure.savefig(path, format="png")


def _points(row: dict[str, Cell], title: str) -> float:
    if title == MARGIN:
        return float(row[MARGIN] or 0)
    return float(row[PAPER] or 0) - float(row[HARD] or 0)
