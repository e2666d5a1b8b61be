"""Output of ordinary code is what plain `exec` gives: checks as models write them, and the miniature's."""

from __future__ import annotations

import asyncio
import contextlib
import io
import random

import pytest

from genprm.miniature.foundry.documents import verify_document
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.solutions import Habits, careless_steps
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Execution
from genprm.settings import SandboxSettings
from genprm.speed.verification_scripts import typical_scripts

REFUSALS = ("PermissionError", "can't start new thread", "MemoryError", "ProcessDied", "time out")


def plainly(code: str) -> str:
    """What the published implementation would show the model."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        except Exception as error:
            print(f"Code execute Error: {type(error).__name__}: {error}", end="")
    return printed.getvalue()


def miniature_scripts(count: int) -> list[str]:
    """The code of `count` steps that the miniature's judge wrote."""
    rng = random.Random(7)
    found: list[str] = []
    for problem in generate_problems("pipeline", count, seed=7):
        steps, _ = careless_steps(rng, problem, Habits())
        text = "".join(piece for piece, _ in verify_document(rng, problem, steps, "full"))
        found += [part.partition("\n```")[0] for part in text.split("```python\n")[1:]]
    return found[:count]


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_a_thousand_scripts_print_what_they_print_without_a_sandbox(level: int) -> None:
    scripts = list(dict.fromkeys([*typical_scripts(1400, seed=3), *miniature_scripts(250)]))
    assert len(scripts) >= 1000
    sandbox = open_sandbox(SandboxSettings(level=level, seconds=60.0))
    waiting = iter(range(len(scripts)))
    results: dict[int, Execution] = {}

    async def work() -> None:
        for index in waiting:
            session = sandbox.session()
            results[index] = await session.run(scripts[index])
            await session.close()

    await asyncio.gather(*(work() for _ in range(4)))
    await sandbox.close()

    refused = [scripts[i] for i, result in results.items() if any(word in result.output for word in REFUSALS)]
    different = [scripts[i] for i, result in results.items() if result.output != plainly(scripts[i])]
    assert (len(results), refused, different) == (len(scripts), [], [])
