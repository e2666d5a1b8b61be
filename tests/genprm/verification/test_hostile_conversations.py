"""Whatever a model writes and whatever its code does, every step gets a reward: with a real sandbox."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SamplingSettings, SandboxSettings, VerifierSettings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine

pytestmark = pytest.mark.slow

STEPS = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6"]
ANALYSIS = "It adds up.\n</analyze>\n"
BOXED = "</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"
MOST_REQUESTS = 7
"""Of one step: the analysis, four pieces of verification (three rounds), the verdict and once more the verdict."""


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox(SandboxSettings(seconds=0.5))
    yield opened
    await opened.close()


def says(analysis: str = ANALYSIS, code: str = "print(3 + 4)\n```\n", after: str = BOXED) -> Callable[[str], str]:
    """A model that opens every step with `analysis`, then writes `code`, then `after`."""

    def reply(prompt: str) -> str:
        if prompt.endswith("\\boxed{"):
            return "Yes"
        if prompt.endswith("step by step: "):
            return analysis
        return code if prompt.endswith("```python\n") else after

    return reply


def mostly_yes(prompt: str) -> Mapping[str, float]:
    return {"Yes": math.log(0.6), "No": math.log(0.2)}


def neither(prompt: str) -> Mapping[str, float]:
    return {"Maybe": math.log(0.9)}


@pytest.mark.parametrize(
    ("reply", "statuses", "shown", "forced"),
    [
        pytest.param(says(code="x = 1\n" * 5000), [], "", True, id="a code block without an end"),
        pytest.param(says(code="x = 3 + 4\n```\n"), ["ok"], "\n\n```\n\n```\n", False, id="prints nothing"),
        pytest.param(says(code="print('x' * 1_000_000)\n```\n"), None, "", True, id="prints a megabyte"),
        pytest.param(says(code="while True: pass\n```\n"), ["timeout"], "time", False, id="loops for ever"),
        pytest.param(says(after="```python\nprint(2)\n```\n"), ["ok"] * 3, "", True, id="only code"),
        pytest.param(says(after="The end."), ["ok"], "", True, id="no output block"),
        pytest.param(says(analysis="No, \\boxed{No}. Yes?\n</analyze>\n"), ["ok"], "\n7\n", False, id="both words"),
        pytest.param(says(analysis="hm " * 5000), [], "", True, id="an analysis without an end"),
        pytest.param(says(analysis="", code="", after=""), [], "", True, id="says nothing"),
    ],
)
async def test_every_step_has_the_reward_at_its_verdict(
    sandbox: Sandbox, reply: Callable[[str], str], statuses: list[str] | None, shown: str, forced: bool
) -> None:
    engine = ScriptedEngine(reply, mostly_yes)
    settings = VerifierSettings(sampling=SamplingSettings(temperature=0.6, max_tokens=400))

    verification = await Verifier(engine, sandbox, settings).verify("c", "Add.", STEPS, "full")

    assert [step.reward for step in verification.steps] == [pytest.approx(0.75)] * 2
    assert [step.verdict for step in verification.steps] == ["Yes"] * 2
    for step in verification.steps:
        assert statuses is None or [status.removeprefix("killed_") for status in step.executions] == statuses
        assert shown in step.text
        assert len(step.text) < 6000, "what floods the step is not kept"
        assert step.forced == forced
    assert len(engine.requests) <= MOST_REQUESTS * len(STEPS)


async def test_without_any_verdict_the_reward_is_one_half_and_says_so(sandbox: Sandbox) -> None:
    engine = ScriptedEngine(says(), neither)

    verification = await Verifier(engine, sandbox, VerifierSettings()).verify("c", "Add.", STEPS, "full")

    assert [(step.reward, step.verdict, step.forced) for step in verification.steps] == [(0.5, "none", True)] * 2
