"""A session whose process is gone: finished blocks are run again, and the result says what became of the names."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import psutil
import pytest

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings


@pytest.fixture(scope="module")
def settings(level: int) -> SandboxSettings:
    preload = ("sympy", "numpy")
    return SandboxSettings(level=level, seconds=1.0, memory_mb=256, output_bytes=1000, workers=2, preload=preload)


DEAF = "y = 1\nfrom signal import *\nfor s in (SIGPROF, SIGALRM): signal(s, SIG_IGN)\nwhile True: pass"
ENDINGS = {
    "died": "y = 1\nimport os\nos._exit(0)",
    "killed_timeout": DEAF,
    "killed_output": "y = 1\nimport os\nwhile True: os.write(1, b'x' * 65536)",
}


@pytest.mark.parametrize("status", ENDINGS)
async def test_after_a_kill_the_finished_blocks_are_run_again(settings: SandboxSettings, status: str) -> None:
    # A flood takes a while on a busy machine: only the endless loop is to meet the limit of time.
    sandbox = open_sandbox(settings.model_copy(update={"seconds": 1.0 if status == "killed_timeout" else 30.0}))
    session = sandbox.session()
    await session.run("import random\nx = [random.random()]\nprint(x)")
    assert (await session.run("x.append(2)\nundefined")).status == "error"
    assert (await session.run(ENDINGS[status])).status == status

    after = await session.run("print(len(x), 'y' in globals())")
    assert (after.status, after.output, after.state) == ("ok", "2 False\n", "replayed")
    assert (await session.run("print(len(x))")).state == "kept"
    await sandbox.close()


async def test_a_soft_limit_keeps_the_state(shared: Sandbox) -> None:
    session = shared.session()
    await session.run("x = 1")
    assert (await session.run("x = 2\nwhile True: pass")).status == "timeout"
    after = await session.run("print(x)")
    assert (after.output, after.state) == ("2\n", "kept")


async def test_what_a_block_left_that_never_finished_is_not_rebuilt(shared: Sandbox) -> None:
    session = shared.session()
    await session.run("x = 1")
    await session.run("x = 2\nwhile True: pass")
    assert (await session.run("print(x)")).output == "2\n"
    await session.run("import os\nos._exit(0)")
    # Run again, `print(x)` would print 1: what the model saw cannot be rebuilt.
    after = await session.run("print('x' in globals())")
    assert (after.output, after.state) == ("False\n", "lost")


async def test_blocks_that_read_a_clock_are_noticed(shared: Sandbox) -> None:
    session = shared.session()
    await session.run("import time\nprint(time.time_ns())")
    await session.run("import os\nos._exit(0)")
    assert (await session.run("print('time' in globals())")).output == "False\n"
    await session.run("x = 1")
    await session.run("import os\nos._exit(0)")
    after = await session.run("print(x)")
    assert (after.output, after.state) == ("1\n", "replayed")


async def test_without_a_finished_block_there_is_nothing_to_run_again(shared: Sandbox) -> None:
    session = shared.session()
    await session.run("import os\nos._exit(0)")
    assert (await session.run("print(1)")).state == "lost"


async def test_a_session_that_broke_the_protocol_is_not_run_again(shared: Sandbox) -> None:
    session = shared.session()
    await session.run("x = 1")
    assert (await session.run("import os\nos.write(3, b'0' * 64)")).status == "protocol_violation"
    after = await session.run("print('x' in globals())")
    assert (after.output, after.state) == ("False\n", "lost")


async def test_a_cancelled_block_dies_and_the_session_goes_on(shared: Sandbox) -> None:
    session = shared.session()
    await session.run("x = 1")
    running = asyncio.create_task(session.run("x = 2\nimport time\ntime.sleep(60)"))
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    after = await session.run("print(x)")
    assert (after.output, after.state) == ("1\n", "replayed")


async def test_an_idle_session_gives_way_and_comes_back(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genprm.sandbox.local.LIVE_SESSIONS", 1)
    monkeypatch.setattr("genprm.sandbox.local.PATIENCE_SECONDS", 0.1)
    one, other = sandbox.session(), sandbox.session()
    await one.run("x = 1")
    assert (await other.run("print(2)")).output == "2\n"
    back = await one.run("print(x)")
    assert (back.output, back.state) == ("1\n", "replayed")


async def test_a_killed_zygote_is_replaced(sandbox: Sandbox) -> None:
    session = sandbox.session()
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    await session.run("x = 1")
    for process in psutil.Process().children(recursive=True):
        if process.pid not in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
    await asyncio.sleep(0.2)
    after = await session.run("print(x)")
    assert (after.output, after.state) == ("1\n", "replayed")


async def test_what_was_in_the_scratch_directory_comes_back_too(shared: Sandbox) -> None:
    if shared.level != 1:
        pytest.skip("there is a scratch directory at level 1 alone")
    session = shared.session()
    await session.run("with open('notes', 'w') as file:\n    file.write('seven')")
    await session.run("import os\nos._exit(0)")
    after = await session.run("print(open('notes').read())")
    assert (after.output, after.state) == ("seven\n", "replayed")
