"""More conversations than places for them: who gives way, and what it costs (counted, not timed)."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal

import pytest

from genprm.commands.sandbox import run_blocks
from genprm.sandbox.base import Execution, Sandbox, SandboxError
from genprm.sandbox.child import BlockOptions, Child, Outcome
from genprm.sandbox.session import TRIES
from genprm.settings import SandboxSettings
from tests.genprm.sandbox.test_sessions import descendants


@pytest.fixture
def settings(level: int) -> SandboxSettings:
    return SandboxSettings(level=level, memory_mb=256, workers=1, preload=("numpy",))


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> int:
    """Three, and nobody who waits for one ever loses patience."""
    monkeypatch.setattr("genprm.sandbox.local.LIVE_SESSIONS", 3)
    monkeypatch.setattr("genprm.sandbox.local.PATIENCE_SECONDS", math.inf)
    return 3


async def test_sessions_that_nobody_closes_give_way_at_once(sandbox: Sandbox, places: int) -> None:
    sessions = [sandbox.session() for _ in range(10)]
    first = [await session.run(f"x = {number}") for number, session in enumerate(sessions)]
    again = [await session.run("print(x)") for session in sessions]

    assert [result.state for result in first] == ["kept"] * 10
    # Each one was idle for longest when its place was needed.
    assert [(result.output, result.state) for result in again] == [(f"{n}\n", "replayed") for n in range(10)]


async def test_the_one_idle_for_longest_gives_way(sandbox: Sandbox, places: int) -> None:
    sessions = [sandbox.session() for _ in range(places)]
    for session in (*sessions, sessions[0]):
        await session.run("x = 1")
    await sandbox.session().run("x = 1")
    states = [(await session.run("x")).state for session in (sessions[0], sessions[2], sessions[1])]
    assert states == ["kept", "kept", "replayed"]


async def test_nobody_gives_way_while_others_run(sandbox: Sandbox, places: int) -> None:
    idle = [sandbox.session() for _ in range(places - 1)]
    for session in idle:
        await session.run("x = 1")
    running = asyncio.create_task(sandbox.session().run("import time\ntime.sleep(0.5)\nprint('done')"))
    await asyncio.sleep(0.2)
    late = asyncio.create_task(sandbox.session().run("print('late')"))
    await asyncio.sleep(0.1)
    assert not late.done()
    for session in idle:
        assert (await session.run("print(x)")).state == "kept"
    assert [(await task).output for task in (running, late)] == ["done\n", "late\n"]


async def test_a_conversation_has_a_process_from_its_first_block_to_its_last(settings: SandboxSettings) -> None:
    blocks = [("long", "x = 1")]
    blocks += [(f"{number}", code) for number in range(30) for code in ("y = 2", "print(y)")]
    blocks += [("long", "print(x)")]
    before, counts, rows = descendants(), [], []
    async for row in run_blocks(blocks, settings):
        rows.append(row)
        counts.append(len(descendants() - before))

    assert {row["state"] for row in rows} == {"kept"}
    assert [row["output"] for row in rows] == ["", *["", "2\n"] * 30, "1\n"]
    # The zygote (below bwrap or not), two sessions forked ahead, two conversations, and those not buried yet.
    assert max(counts) <= 10


async def kill_what_is_new(before: set[int]) -> None:
    """Kill the zygote, and all that is forked from it: first they are stopped, so that none is forked unseen."""
    stopped: set[int] = set()
    while new := descendants() - before - stopped:
        for pid in new:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def killed_under(block: asyncio.Task[Execution], before: set[int]) -> Execution:
    """The result of a block under which the zygote dies."""
    await kill_what_is_new(before)
    return await block


async def test_a_block_is_run_again_when_the_zygote_dies_under_it(sandbox: Sandbox) -> None:
    before = descendants()
    session = sandbox.session()
    await session.run("x = 6")
    block = asyncio.create_task(session.run("import time\ntime.sleep(0.5)\nprint(x * 7)"))
    await asyncio.sleep(0.2)
    # The thread that waits for the block may warn at once.
    with pytest.warns(UserWarning, match="the sandbox is started again, its zygote is gone"):
        result = await killed_under(block, before)
    assert (result.status, result.output, result.state) == ("ok", "42\n", "replayed")


async def test_a_first_block_whose_zygote_died_has_lost_nothing(sandbox: Sandbox) -> None:
    before = descendants()
    await sandbox.session().run("1")
    block = asyncio.create_task(sandbox.session().run("import time\ntime.sleep(0.5)\nprint(1)"))
    await asyncio.sleep(0.2)
    with pytest.warns(UserWarning, match="started again"):
        result = await killed_under(block, before)
    assert (result.status, result.output, result.state) == ("ok", "1\n", "kept")


@pytest.mark.filterwarnings("ignore:the sandbox is started again")
async def test_a_zygote_that_dies_under_every_try_is_an_error(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, tries = descendants(), []
    await sandbox.session().run("1")
    run = Child.run

    async def run_and_die(child: Child, code: str, options: BlockOptions) -> Outcome:
        if code == "print(1)":
            tries.append(code)
            await kill_what_is_new(before)
        return await run(child, code, options)

    monkeypatch.setattr(Child, "run", run_and_die)
    with pytest.raises(SandboxError, match="the process that starts sandbox sessions is gone"):
        await sandbox.session().run("print(1)")
    assert len(tries) == TRIES
    assert (await sandbox.session().run("print(2)")).output == "2\n"
