"""The curve of the report comes from what a run recorded, and says of how much."""

from __future__ import annotations

import base64
import dataclasses
from types import SimpleNamespace
from typing import Any

from genprm.profiles import build_profile
from genprm.records import StepScores
from genprm.results.label_cost import label_cost

ALTERNATING = "10" * 4
PROFILE = build_profile({"name": "p", "problems": {"source": "miniature", "shards": 2}})


def row(name: str) -> StepScores:
    return StepScores(name, "p", 0.5, [0.5, 0.5, 1.0], [8, 8, 0], 9, outcomes=[ALTERNATING, ALTERNATING, ""])


def store(rows: list[StepScores]) -> Any:
    """A store whose first shard holds the rows."""
    return SimpleNamespace(read=lambda record, name, shard: rows if shard.startswith("0") else [])


def test_the_curve_says_how_many_rollouts_it_is_made_of() -> None:
    curve = label_cost(PROFILE, store([row(f"s{n}") for n in range(10)]))
    assert curve is not None
    assert curve.caption.startswith("The 160 rollouts recorded for 30 steps of 10 solutions")
    assert base64.b64decode(curve.picture).startswith(b"\x89PNG")


def test_rollouts_that_were_drawn_sequentially_leave_nothing_to_spare() -> None:
    assert label_cost(PROFILE, store([dataclasses.replace(row("s"), decided_for=0.8)])) is None
    unrolled = StepScores("s", "p", 0.5, [1.0], [0], 0, outcomes=[""])
    assert label_cost(PROFILE, store([unrolled])) is None
