"""Steps that are found in a journal leave a path where judging them would have left it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from genprm.journal import Journal
from genprm.modes import Mode
from genprm.settings import VerifierSettings
from genprm.verification.journaled_path import JournaledPath
from genprm.verification.verifier import Verifier
from tests.genprm.remembering_judge import PythonSandbox, remembering_engine
from tests.genprm.scripted_engine import ScriptedEngine

PROBLEM = "What is 3 + 4 - 2?"
STEPS = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 5", "Step 3: The answer is \\boxed{5}."]


def journaled(engine: ScriptedEngine, journal: Journal, mode: Mode) -> JournaledPath:
    verifier = Verifier(engine, PythonSandbox(), VerifierSettings())
    return JournaledPath(verifier.start("c", PROBLEM, mode, path=2), journal, "key of the path")


@pytest.mark.parametrize("known", [0, 1, 2, 3])
@pytest.mark.parametrize("mode", list(Mode))
async def test_a_path_goes_on_behind_steps_that_it_finds(tmp_path: Path, mode: Mode, known: int) -> None:
    """The process that judged the first steps is gone, and later code builds on what theirs left."""
    whole = await Verifier(remembering_engine(), PythonSandbox(), VerifierSettings()).verify(
        "c", PROBLEM, STEPS, mode, path=2
    )
    with Journal(tmp_path / "steps") as journal:
        before = journaled(remembering_engine(), journal, mode)
        for step in STEPS[:known]:
            await before.judge(step)
    engine = remembering_engine()
    with Journal(tmp_path / "steps") as journal:
        path = journaled(engine, journal, mode)
        judged = [await path.judge(step) for step in STEPS]
    assert judged == whole.steps
    assert path.prompt_tokens == whole.prompt_tokens
    assert bool(engine.requests) == (known < 3)


async def test_forks_that_ask_for_the_same_step_at_once_judge_it_once(tmp_path: Path) -> None:
    engine = remembering_engine()
    with Journal(tmp_path / "steps") as journal:
        start = journaled(engine, journal, Mode.DIRECT)
        forks = [start.fork() for _ in range(5)]
        judged = await asyncio.gather(*(fork.judge(STEPS[0]) for fork in forks))
        assert (len(engine.requests), len(set(map(repr, judged)))) == (1, 1)
        await forks[0].judge(STEPS[1])
        await forks[1].judge(STEPS[2])
    assert len(engine.requests) == 3
