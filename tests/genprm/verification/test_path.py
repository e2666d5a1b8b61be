"""A path that is judged step by step and forked: the rewards are those of whole solutions judged from the start."""

from __future__ import annotations

import asyncio

import pytest

from genprm.engines import open_engine
from genprm.engines.base import EngineError
from genprm.modes import Mode
from genprm.profiles import load_profile
from genprm.records import Verification
from genprm.sandbox.base import Session
from genprm.settings import EngineSettings, VerifierSettings
from genprm.verification.rewards import rewards
from genprm.verification.verifier import Verifier
from tests.genprm.remembering_judge import PythonSandbox, remembering_engine
from tests.genprm.scripted_judge import judge_engine

PROBLEM = "What is 3 + 4 - 2?"
FIRST = "Step 1: 3 + 4 = 7"
CONTINUATIONS = (
    ["Step 2: 7 - 2 = 5", "Step 3: The answer is \\boxed{5}."],
    ["Step 2: 7 - 2 = 6, wrong", "Step 3: The answer is \\boxed{6}."],
    ["Step 2: 7 is wrong"],
)


async def forked(verifier: Verifier, mode: Mode) -> list[Verification]:
    """Each continuation on a fork of the path that has judged the first step, all at once."""

    async def go_on(steps: list[str]) -> Verification:
        async with start.fork() as path:
            for step in steps:
                await path.judge(step)
            return path.verification()

    async with verifier.start("c", PROBLEM, mode, path=2) as start:
        await start.judge(FIRST)
        return await asyncio.gather(*map(go_on, CONTINUATIONS))


async def from_the_start(verifier: Verifier, mode: Mode) -> list[Verification]:
    """Each solution as a whole."""
    return [await verifier.verify("c", PROBLEM, [FIRST, *steps], mode, path=2) for steps in CONTINUATIONS]


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_fork_judges_as_a_path_from_the_start(mode: Mode) -> None:
    engine = remembering_engine()
    verifier = Verifier(engine, PythonSandbox(), VerifierSettings())
    branches = await forked(verifier, mode)
    asked = len(engine.requests)
    assert branches == await from_the_start(verifier, mode)
    assert [len(branch.steps) for branch in branches] == [3, 3, 2]
    assert asked < len(engine.requests) - asked, "the first step was judged once, not three times"


async def test_a_fork_has_the_names_of_the_path_and_keeps_its_own() -> None:
    sandbox = PythonSandbox()
    verifier = Verifier(remembering_engine(), sandbox, VerifierSettings())
    async with verifier.start("c", PROBLEM, Mode.CODE) as path:
        await path.judge(FIRST)
        async with path.fork() as fork:
            await fork.judge(CONTINUATIONS[0][0])
            await fork.judge(CONTINUATIONS[0][1])
            await path.judge(CONTINUATIONS[1][0])
            assert [step.output for step in path.judged] == ["1", "2"]
            assert [step.output for step in fork.judged] == ["1", "2", "3"]
    assert [session.runs for session in sandbox.sessions] == [2, 3], "the fork ran the first block again"


async def test_a_fork_that_runs_no_code_opens_no_interpreter() -> None:
    sandbox = PythonSandbox()
    verifier = Verifier(remembering_engine(), sandbox, VerifierSettings())
    async with verifier.start("c", PROBLEM, Mode.FULL) as path:
        await path.judge(FIRST)
        path.fork()
    assert len(sandbox.sessions) == 1


async def test_blocks_that_print_otherwise_the_second_time_leave_no_names() -> None:
    """As in a session whose process is gone: it is not known what the names would be."""

    class Clock(PythonSandbox):
        def session(self) -> Session:
            session = super().session()
            self.sessions[-1].names["seen"] = ["another"] * (len(self.sessions) - 1)
            return session

    sandbox = Clock()
    verifier = Verifier(remembering_engine(), sandbox, VerifierSettings())
    async with verifier.start("c", PROBLEM, Mode.CODE) as path:
        await path.judge(FIRST)
        async with path.fork() as fork:
            await fork.judge(CONTINUATIONS[0][0])
    assert [session.runs for session in sandbox.sessions] == [1, 1, 1]
    assert fork.judged[-1].output == "3", "an interpreter of its own, in which only this block ran"


async def test_a_path_can_be_left_and_taken_up_again() -> None:
    verifier = Verifier(judge_engine(), None, VerifierSettings())
    async with verifier.start("c", PROBLEM, Mode.DIRECT) as path:
        assert (path.rewards, path.verification().steps) == ([], [])
        assert (await path.judge(FIRST)).verdict == "Yes"
        assert (await path.judge("Step 2: wrong")).verdict == "No"
        assert path.rewards == pytest.approx([8 / 9, 1 / 9])
    assert verifier.reading().spellings == {"Yes": ["Yes"], "No": ["No"]}


async def test_what_fails_is_named_and_leaves_the_path_as_it_was() -> None:
    engine = judge_engine()
    verifier = Verifier(engine, None, VerifierSettings())
    async with verifier.start("c", PROBLEM, Mode.DIRECT, path=3) as path:
        await path.judge(FIRST)
        await engine.close()
        with pytest.raises(EngineError, match="case 'c', path 3, step 1: the scripted engine is closed"):
            await path.judge(CONTINUATIONS[0][0])
        assert len(path.judged) == 1


def test_code_needs_a_sandbox() -> None:
    with pytest.raises(ValueError, match="case 'c': mode 'full' runs code and needs a sandbox, got none"):
        Verifier(judge_engine(), None, VerifierSettings()).start("c", PROBLEM, Mode.FULL)


@pytest.mark.parametrize("mode", [Mode.COT, Mode.ADAPTIVE])
async def test_a_model_judges_a_fork_as_it_judges_the_whole(mode: Mode) -> None:
    """The miniature's judge, on the embedded engine."""
    settings = load_profile("miniature").rationales.verifier
    engine = open_engine("miniature/rationale", EngineSettings(backend="transformers", max_batch=1))
    try:
        verifier = Verifier(engine, PythonSandbox(), settings)
        whole = await from_the_start(verifier, mode)
        branches = await forked(verifier, mode)
    finally:
        await engine.close()
    assert [rewards(branch) for branch in branches] == [rewards(path) for path in whole]
    assert branches == whole
