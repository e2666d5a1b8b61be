"""The same weights, decoded greedily, give the same rewards whatever engine runs them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import pytest

from genprm.engines import resolve_model
from genprm.engines.base import Engine
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.names import Split
from genprm.miniature.world.problems import MiniatureProblem
from genprm.miniature.world.solutions import right_steps
from genprm.profiles import load_profile
from genprm.records import Verification
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings
from genprm.verification.rewards import rewards
from genprm.verification.verifier import Verifier
from tests.genprm.engines.backends import BACKENDS

MODEL = "miniature/rationale"
OTHERS = BACKENDS[1:]


def solutions() -> list[tuple[str, list[str]]]:
    """Six solutions of two to four steps; in every other one a calculation is wrong."""
    short = [problem for problem in generate_problems(Split.PIPELINE, 60) if len(problem.gold) <= 4]
    return [(problem.text, steps_of(problem, wrong=number % 2 == 1)) for number, problem in enumerate(short[:6])]


def steps_of(problem: MiniatureProblem, wrong: bool) -> list[str]:
    steps = right_steps(problem)
    if wrong:
        middle = len(steps) // 2
        steps[middle] = re.sub(r"= (\d+)", lambda found: f"= {int(found[1]) + 1}", steps[middle], count=1)
    return steps


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = open_sandbox(SandboxSettings())
    yield sandbox
    await sandbox.close()


async def judged(engine: Engine, sandbox: Sandbox) -> list[Verification]:
    profile = load_profile("miniature").rationales.verifier
    greedy = profile.model_copy(update={"sampling": profile.sampling.model_copy(update={"temperature": 0.0})})
    verifier = Verifier(engine, sandbox, greedy)
    cases = enumerate(solutions())
    return await asyncio.gather(
        *(verifier.verify(f"case-{i}", problem, steps, "full") for i, (problem, steps) in cases)
    )


@pytest.mark.parametrize("backend", OTHERS)
async def test_rewards_are_those_of_the_embedded_engine(
    backend: str, engine_of: Callable[[str, str], Engine], sandbox: Sandbox
) -> None:
    expected = await judged(engine_of("transformers", resolve_model(MODEL)), sandbox)
    got = await judged(engine_of(backend, resolve_model(MODEL)), sandbox)
    assert [len(path.steps) for path in got] == [len(steps) for _, steps in solutions()]
    for path, same in zip(got, expected, strict=True):
        assert [step.text for step in path.steps] == [step.text for step in same.steps]
        assert rewards(path) == pytest.approx(rewards(same), abs=1e-3)
        assert (path.tokens, path.prompt_tokens) == (same.tokens, same.prompt_tokens)
    spread = [reward for path in expected for reward in rewards(path)]
    assert min(spread) < 0.2
    assert max(spread) > 0.8
