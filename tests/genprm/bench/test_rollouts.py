"""The work of a run and its ceiling are the same requests; they differ in what is in flight together."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence

import pytest

from genprm.bench.rollouts import Bench, Run, table
from genprm.bench.usage import Usage
from genprm.engines.base import Completion, Engine, Sampling
from genprm.profiles import build_profile
from genprm.records import Message, Problem, Provenance

PROBLEMS = [Problem(f"p{n}", f"What is {n} + {n}?", str(2 * n), "test") for n in range(4)]
PROFILE = build_profile(
    {
        "name": "p",
        "problems": {"source": "miniature"},
        "solutions": {"model": "policy", "batch": 4, "max_samples": 32},
        "monte_carlo": {"model": "completer", "tiers": [], "rollouts_otherwise": 12},
        "engine": {"max_in_flight": 3},
    }
)


class Half:
    """Right in about half of its samples, by a hash of prompt, seed and number; three steps at most."""

    provenance = Provenance("half", "1", "raw")

    def __init__(self, model: str) -> None:
        self.model = model
        self.requests: list[tuple[str, int, int]] = []
        self.in_flight = self.most = 0

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return messages[-1].content + str(prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.requests.append((prompt, sampling.seed, n))
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        return [self._completion(prompt, f"{prompt} {sampling.seed} {i}") for i in range(n)]

    def _completion(self, prompt: str, draw: str) -> Completion:
        digest = hashlib.sha256(draw.encode()).digest()
        rest = [f" work {digest[n]}\n\nStep {n}:" for n in range(prompt.count("Step ") + 1, 4)]
        number = int(re.findall(r"\d+", f"0 {prompt}")[1 if "What" in prompt else 0])
        text = "".join(rest) + f" \\boxed{{{2 * number + digest[0] % 2}}}"
        return Completion(text, 5, "stop", prompt_tokens=9)

    async def close(self) -> None: ...


def test_a_run_and_its_ceiling_ask_the_same() -> None:
    engines: list[Half] = []

    def opened(model: str) -> Engine:
        engines.append(Half(model))
        return engines[-1]

    runs = Bench(opened, PROFILE).runs(PROBLEMS[1:])

    assert [run.name for run in runs] == ["solutions", "solutions, ceiling", "rollouts", "rollouts, ceiling"]
    assert [engine.model for engine in engines] == ["policy", "policy", "completer", "completer"]
    for real, at_once in (engines[:2], engines[2:]):
        # beside the request that makes an engine ready
        assert sorted(real.requests) == sorted(at_once.requests)
        assert at_once.most == len(at_once.requests) - 1
    assert engines[0].most == 3, "as many problems at work as the engine serves"
    rollouts = runs[2]
    asked = engines[2].requests[1:]
    assert (rollouts.requests, rollouts.samples) == (len(asked), sum(n for _, _, n in asked))
    assert rollouts.samples % 12 == 0
    assert rollouts.tokens == 5 * rollouts.samples


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
