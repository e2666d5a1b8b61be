"""The work of a run and its ceiling are the same requests; they differ in what is in flight together."""

from __future__ import annotations

import pytest

from genprm.engines.base import Completion, Engine, Sampling
from genprm.profiles import build_profile
from genprm.speed.rollouts import Run, compare, table
from genprm.speed.usage import Usage
from tests.genprm.chance_policy import ChancePolicy, problem

PROFILE = build_profile(
    {
        "name": "p",
        "problems": {"source": "miniature"},
        "solutions": {"model": "policy", "batch": 4, "max_samples": 32},
        "monte_carlo": {"model": "completer", "tiers": [], "rollouts_otherwise": 12},
        "engine": {"max_in_flight": 3},
    }
)


class Noting(ChancePolicy):
    """Remembers what it was asked."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.asked: list[tuple[str, int, int]] = []

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.asked.append((prompt, sampling.seed, n))
        return await super().complete(prompt, sampling, n)


def test_a_run_and_its_ceiling_ask_the_same() -> None:
    engines: list[Noting] = []

    def opened(model: str) -> Engine:
        engines.append(Noting(model))
        return engines[-1]

    runs = compare(opened, PROFILE, [problem(number) for number in (3, 4, 5)])

    assert [run.name for run in runs] == ["solutions", "solutions, ceiling", "rollouts", "rollouts, ceiling"]
    assert [engine.model for engine in engines] == ["policy", "policy", "completer", "completer"]
    for real, at_once in (engines[:2], engines[2:]):
        # beside the request that makes an engine ready
        assert sorted(real.asked) == sorted(at_once.asked)
        assert at_once.most == len(at_once.asked) - 1
    assert engines[0].most == 3, "as many problems at work as the engine serves"
    rollouts = runs[2]
    asked = engines[2].asked[1:]
    assert (rollouts.requests, rollouts.samples) == (len(asked), sum(n for _, _, n in asked))
    assert rollouts.samples % 12 == 0
    assert rollouts.tokens == engines[3].tokens - 25, "less the first request's"


def test_a_way_is_compared_with_its_own_ceiling() -> None:
    rows = table(
        [
            Run("rollouts", 2, 20, 400, Usage(seconds=10.0, cpu_seconds=16.0, peak_mb=1.0), None),
            Run("rollouts, ceiling", 2, 20, 400, Usage(seconds=8.0, cpu_seconds=8.0, peak_mb=1.0), 0.25),
        ]
    )
    assert [row["tokens/s"] for row in rows] == [40.0, 50.0]
    assert [row["of ceiling %"] for row in rows] == [pytest.approx(80.0), 100.0]
    assert [row["of ceiling's CPU %"] for row in rows] == [50.0, 100.0]
    assert [row["prefix hits %"] for row in rows] == [None, 25.0]
