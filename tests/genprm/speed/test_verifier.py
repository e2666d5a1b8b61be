"""Ways of verifying the same steps: the work is the same, what is in flight together is not."""

from __future__ import annotations

import asyncio

import pytest

from genprm.engines.base import Completion, Engine, Sampling
from genprm.settings import VerifierSettings
from genprm.speed.usage import Usage
from genprm.speed.verifier import Bench, Rounds, Run, Solution, Workload, miniature_solutions, table
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

SOLUTIONS = [Solution("Add.", ["1 + 1 = 2", "2 + 2 = 5, wrong", "done"]), Solution("Count.", ["one", "two"])]


class Watched(ScriptedEngine):
    """Remembers how many requests were in flight together at most."""

    def __init__(self) -> None:
        judge = judge_engine()
        super().__init__(judge._reply, judge._top_logprobs)
        self.in_flight = 0
        self.most = 0

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            return await super().complete(prompt, sampling, n)
        finally:
            self.in_flight -= 1


def test_every_way_does_the_same_work_and_only_one_does_it_alone() -> None:
    engines: list[Watched] = []

    def opened(reuse: bool) -> Engine:
        engines.append(Watched())
        return engines[-1]

    workload = Workload(SOLUTIONS, votes=2, sample=SOLUTIONS[:1], mode="full")
    single, rounds, free, ceiling = Bench(opened, EchoSandbox(), VerifierSettings(), workload).runs()

    assert (single.steps, rounds.steps, free.steps, ceiling.steps) == (3, 10, 10, 10)
    assert rounds.tokens == free.tokens == ceiling.tokens
    assert [engine.most for engine in engines] == [1, 4, 4, len(engines[2].requests) - 1]


def test_a_round_begins_when_every_live_task_waits_and_ends_when_all_are_served() -> None:
    """Three tasks with 1, 2 and 3 requests need three rounds, of 3, 2 and 1 requests."""
    served: list[set[str]] = []

    class Noting(ScriptedEngine):
        async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
            if len(served) < len(prompt):
                served.append(set())
            served[len(prompt) - 1].add(prompt[0])
            return await super().complete(prompt, sampling, n)

    rounds = Rounds(Noting(lambda prompt: "x"))

    async def task(name: str, requests: int) -> None:
        for number in range(1, requests + 1):
            await rounds.complete(name * number, Sampling(max_tokens=1))
            await asyncio.sleep(0.01 * requests)

    async def run() -> None:
        await asyncio.gather(task("a", 1), task("b", 2), task("c", 3))

    asyncio.run(run())
    assert served == [{"a", "b", "c"}, {"b", "c"}, {"c"}]


def test_speeds_are_compared_per_step() -> None:
    rows = table(
        [
            Run("one at a time", 10, 400, Usage(seconds=20.0, cpu_seconds=10.0, peak_mb=1.0), None),
            Run("ceiling", 100, 4000, Usage(seconds=10.0, cpu_seconds=10.0, peak_mb=2.0), 0.5),
        ]
    )

    assert [row["steps/s"] for row in rows] == [0.5, 10.0]
    assert rows[1]["ratio"] == 20.0
    assert rows[0]["of ceiling %"] == 5.0
    assert rows[1]["CPU ratio"] == pytest.approx(10.0)
    assert (rows[0]["prefix hits %"], rows[1]["prefix hits %"]) == (None, 50.0)


def test_half_of_the_solutions_have_a_mistake() -> None:
    solutions = miniature_solutions(8)

    assert len({one.problem for one in solutions}) == 8
    assert solutions == miniature_solutions(8)
