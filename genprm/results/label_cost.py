"""How many labels fewer rollouts would have changed, computed from the rollouts that the run recorded."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

from genprm.data_sets.problems import shard_keys
from genprm.monte_carlo.replayed import ORDERS, Replay, replay
from genprm.records import StepScores
from genprm.results.drawing import png
from genprm.settings import Profile
from genprm.store import TableStore

MOST = 400
"""Solutions that are replayed; those with the smallest hashes of their ids where a run has more."""
KINDS = {
    "fixed": ("parts of K", "o-", "#8c8c8c"),
    "decided": ("sequential, decided only (error 0.2 to 0.01)", "s-", "#9dbbdc"),
    "settled": ("sequential, decided or settled (flip 0.1 to 0.02)", "D-", "#3b6ea5"),
}


class CostCurve(NamedTuple):
    """A picture (base64 PNG) and what it shows, in words."""

    picture: str
    caption: str


def label_cost(profile: Profile, store: TableStore) -> CostCurve | None:
    """The curve of this run; None where rollouts were drawn sequentially, so that none are left to save."""
    shards = shard_keys(profile.problems.shards)
    rows = (row for shard in shards for row in store.read(StepScores, "mc_scores", shard))
    fixed = (row for row in rows if row.decided_for is None and any(row.rollouts))
    chosen = heapq.nsmallest(MOST, fixed, key=lambda row: hashlib.sha256(row.solution_id.encode()).digest())
    if not chosen:
        return None
    points = replay(chosen, profile.monte_carlo.sequential)
    return CostCurve(png(lambda axes: _draw(axes, points), 7.0, 4.0), caption(chosen, points))


def caption(rows: Sequence[StepScores], points: Sequence[Replay]) -> str:
    """How many were replayed, what the curve compares, and its best points."""
    steps, drawn = sum(len(row.mc) for row in rows), sum(sum(row.rollouts) for row in rows)
    half = next(point for point in points if point.rule.kind == "fixed" and point.rule.share == 1 / 2)
    settled = next(point for point in points if point.rule.kind == "settled" and point.rule.flip == 0.05)
    return (
        f"The {drawn:,} rollouts recorded for {steps:,} steps of {len(rows)} solutions, spent again by other rules "
        f"(each in {ORDERS} orders; 95 % intervals over solutions). A label is compared with that of all recorded "
        f"rollouts, of which fewer are a part. Half of K changes {half.unlike:.1f} % of the labels; sequential "
        f"estimation changes {settled.unlike:.1f} % [{settled.low:.1f}, {settled.high:.1f}] at "
        f"{settled.rollouts:.0f} % of the rollouts."
    )


def _draw(axes: Any, points: Sequence[Replay]) -> None:
    for kind, (label, style, colour) in KINDS.items():
        chosen = [point for point in points if point.rule.kind == kind]
        unlike = [point.unlike for point in chosen]
        below = [point.unlike - point.low for point in chosen]
        above = [point.high - point.unlike for point in chosen]
        cost = [point.rollouts for point in chosen]
        axes.errorbar(
            cost, unlike, yerr=[below, above], fmt=style, color=colour, label=label, capsize=2, elinewidth=0.8
        )
        if kind == "fixed":
            for point in chosen:
                axes.annotate(
                    f"{100 * point.rule.share:g} %",
                    (point.rollouts, point.unlike),
                    (4, 4),
                    textcoords="offset points",
                    fontsize=7,
                )
    axes.set(xlabel="rollouts (% of those recorded)", ylabel="labels unlike those of all (%)", ylim=(0, None))
    axes.set_xlim(0, 105)
    axes.legend(fontsize=7)
