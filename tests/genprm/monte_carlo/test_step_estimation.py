"""The draws of a step estimation: those of the plain loops that it unrolls, in the same order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.monte_carlo.estimation import StepEstimation
from genprm.monte_carlo.rollouts import Draw, batch_ends, rollouts_for
from genprm.monte_carlo.simulated import Rollouts, StepProcess
from genprm.monte_carlo.stopping import Count, stop_reason
from genprm.settings import MonteCarloSettings, SequentialSettings

FIXED = MonteCarloSettings()
SEQUENTIAL = MonteCarloSettings(estimator="sequential")

Oracle = Callable[[Draw], int]
Trace = list[list[tuple[int, int, int]]]


def traced(estimation: StepEstimation, reached: Oracle) -> Trace:
    """The rounds of draws of an estimation."""
    trace = []
    while draws := estimation.next_draws():
        trace.append([(draw.done, draw.first, draw.count) for draw in draws])
        estimation.record([reached(draw) for draw in draws])
    return trace


def in_plain_loops(
    steps: int, pass_at_1: float, settings: MonteCarloSettings, reached: Oracle
) -> tuple[Trace, list[str]]:
    """The same work written as loops that draw for themselves."""
    most = rollouts_for(pass_at_1, settings)
    seen, drawn = [0] * (steps + 1), [0] * (steps + 1)
    trace: Trace = []
    reasons = []

    def draw(step: int, until: int) -> list[tuple[int, int, int]]:
        made = []
        for end in batch_ends(until):
            if end > drawn[step]:
                one = Draw(step, drawn[step], end - drawn[step])
                seen[step] += reached(one)
                drawn[step] = end
                made.append((one.done, one.first, one.count))
        return made

    for step in range(1, steps + 1):
        if step > 1 and seen[step - 1] == 0:
            reasons.append("after_dead")
        elif step == steps:
            reasons.append("last")
        elif settings.estimator == "fixed":
            trace.append(draw(step, most))
            reasons.append("all_drawn")
        else:
            reason = None
            for end in batch_ends(most):
                trace.append(draw(step, end) + (draw(step - 1, end) if step > 1 else []))
                before = Count(seen[step - 1], drawn[step - 1]) if step > 1 else pass_at_1
                dead_below = min(settings.sequential.dead_below, pass_at_1 / 2)
                now = Count(seen[step], drawn[step])
                reason = stop_reason(now, before, most, dead_below, settings.sequential)
                if reason is not None:
                    break
            reasons.append(reason or "all_drawn")
    return trace, reasons


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=6),
    st.floats(0.01, 1),
    st.sampled_from(
        [FIXED, SEQUENTIAL, SEQUENTIAL.model_copy(update={"sequential": SequentialSettings(flip=0.0)})]
    ),
    st.integers(0, 2**31),
)
def test_draws_are_those_of_plain_loops(
    shares: list[float], pass_at_1: float, settings: MonteCarloSettings, seed: int
) -> None:
    outcomes = np.random.default_rng(seed).random((len(shares), 128)) < np.array(shares)[:, None]

    def reached(draw: Draw) -> int:
        return int(outcomes[draw.done - 1, draw.first : draw.first + draw.count].sum())

    estimation = StepEstimation(len(shares), True, pass_at_1, settings)
    trace = traced(estimation, reached)
    assert (trace, estimation.stopped) == in_plain_loops(len(shares), pass_at_1, settings, reached)
    assert estimation.rollouts == [
        sum(count for draws in trace for done, _, count in draws if done == step + 1) for step in range(len(shares))
    ]


def test_draws_are_those_that_journals_hold() -> None:
    """Recorded at 5e42e9b, where a generator made them: other draws would find no batch of an earlier run."""
    rng = np.random.default_rng(11)
    recorded = hashlib.sha256()
    digests = {}
    for settings in (FIXED, SEQUENTIAL):
        for known in StepProcess(strength=0.5).draw(rng, 60):
            rollouts = Rollouts(known, 128, rng)
            estimation = StepEstimation(len(known.shares), known.correct, known.pass_at_1, settings)
            trace = traced(estimation, lambda d, of=rollouts: of.reached(d.done - 1, d.first, d.count))  # type: ignore[misc]
            found = [trace, estimation.mc, estimation.rollouts, estimation.stopped]
            recorded.update(json.dumps(found).encode())
        digests[settings.estimator] = recorded.hexdigest()
    assert digests == {
        "fixed": "12077dd774977c126fba680f20f016dc4131eba71a1544ec91b8be88f1e76228",
        "sequential": "bac8e40762a62deb5f23cf28c375f4b0cabd9395fe8315e497701530d1a97d80",
    }


def test_counts_that_do_not_match_the_draws_are_refused() -> None:
    estimation = StepEstimation(3, True, 0.95, FIXED)
    with pytest.raises(ValueError, match="shorter"):
        estimation.record([8])
