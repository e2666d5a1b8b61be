"""State of a session, what a model gets to see, and the life of the processes behind it."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox, SandboxError
from genprm.settings import SandboxSettings


@pytest.fixture(scope="module")
def settings(level: int) -> SandboxSettings:
    preload = ("sympy", "numpy")
    return SandboxSettings(level=level, seconds=2.0, memory_mb=256, output_bytes=1000, workers=2, preload=preload)


async def test_names_persist_from_block_to_block(shared: Sandbox) -> None:
    session = shared.session()
    for code, output in [
        ("import math\ndef area(r):\n    return math.pi * r ** 2", ""),
        ("x = 2\nprint(round(area(x), 3))", "12.566\n"),
        ("x += 1\nprint(x)\nboom", "3\nCode execute Error: NameError: name 'boom' is not defined"),
        ("print(x)", "3\n"),
        ("if __name__ == '__main__':\n    print('main', __name__)", "main __main__\n"),
    ]:
        result = await session.run(code)
        assert result.output == output
        assert result.state == "kept"


async def test_sessions_share_nothing(shared: Sandbox) -> None:
    one, other = shared.session(), shared.session()
    await one.run("import sympy\nsecret = 41\nsympy.secret = 41\nimport builtins\nbuiltins.print = None")
    assert "NameError" in (await other.run("print(secret)")).output
    assert "AttributeError" in (await other.run("import sympy\nprint(sympy.secret)")).output
    ids = [(await shared.session().run("import os\nprint(os.getpid())")).output for _ in range(3)]
    assert len(set(ids)) == 3


async def test_no_session_starts_while_an_error_is_handled(settings: SandboxSettings) -> None:
    """Those that the zygote forks ahead neither, once it has nothing to import any more."""
    sandbox = open_sandbox(settings.model_copy(update={"preload": ()}))
    for _ in range(3):
        await asyncio.sleep(0.3)
        result = await sandbox.session().run("import sys\nprint(sys.exc_info())")
        assert result.output == "(None, None, None)\n"
    await sandbox.close()


async def test_stdout_comes_in_the_order_of_writing_and_stderr_not_at_all(shared: Sandbox) -> None:
    code = "import os, sys, warnings\nprint('a', flush=True)\nos.write(1, b'b\\n')\nprint('c')\n"
    code += "print('no', file=sys.stderr)\nwarnings.warn('no')"
    assert (await shared.session().run(code)).output == "a\nb\nc\n"


async def test_output_on_the_way_to_an_error_or_a_limit_is_kept(shared: Sandbox) -> None:
    session = shared.session()
    failed = await session.run("print('sum', end='')\n1 / 0")
    assert failed.output == "sum\nCode execute Error: ZeroDivisionError: division by zero"
    assert failed.ending == "Code execute Error: ZeroDivisionError: division by zero"
    assert (await session.run("print(1)")).ending == ""
    timed = await session.run("print('before')\nwhile True: pass")
    assert (timed.status, timed.output) == ("timeout", "before\nCode execute time out: 2 seconds")


async def test_cut_output_says_so(shared: Sandbox) -> None:
    result = await shared.session().run("print('x' * 5000)")
    assert result.status == "ok"
    assert result.output == "x" * 1000 + "\n[output cut: 5001 bytes printed, the first 1000 shown]\n"


async def test_the_same_code_gives_the_same_output_in_every_session(shared: Sandbox) -> None:
    code = "import random, time, numpy\nprint(hash('a'), list({'b', 'c', 'd'}), time.tzname, f'{1:.2f}', 'é')\n"
    code += "print(random.random(), numpy.random.rand())"
    assert len({(await shared.session().run(code)).output for _ in range(4)}) == 1


async def test_the_order_of_a_set_is_the_same_in_every_sandbox(sandbox: Sandbox, settings: SandboxSettings) -> None:
    other = open_sandbox(settings)
    code = "print(hash('a'), list({'b', 'c', 'd'}))"
    outputs = {(await one.session().run(code)).output for one in (sandbox, other)}
    await other.close()
    assert len(outputs) == 1


async def test_a_supervisor_may_have_more_descriptors_than_select_knows(sandbox: Sandbox) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2048), before[1]))
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        assert (await sandbox.session().run("print(1)")).output == "1\n"
    finally:
        for descriptor in opened:
            os.close(descriptor)
        await sandbox.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_closing_ends_what_is_running(settings: SandboxSettings) -> None:
    sandbox = open_sandbox(settings.model_copy(update={"seconds": 60.0, "workers": 2}))
    sessions = [sandbox.session() for _ in range(4)]
    running = [asyncio.create_task(session.run("import time\ntime.sleep(60)")) for session in sessions]
    await asyncio.sleep(1.5)
    await sandbox.close()
    ends = await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), 10)
    assert len(ends) == 4
    for end in ends:
        assert isinstance(end, SandboxError) or end.status == "died"


async def test_one_block_at_a_time_in_a_session(shared: Sandbox) -> None:
    session = shared.session()
    running = asyncio.create_task(session.run("print(1)"))
    await asyncio.sleep(0)
    with pytest.raises(SandboxError, match="still running"):
        await session.run("print(2)")
    assert (await running).output == "1\n"


async def test_no_more_than_the_workers_run_at_once(tmp_path: Path, settings: SandboxSettings) -> None:
    sandbox = open_sandbox(settings.model_copy(update={"workers": 2}))
    await sandbox.session().run("1")
    code = "import time\nbegan = time.monotonic()\ntime.sleep(0.2)\nprint(began, time.monotonic())"
    results = await asyncio.gather(*(sandbox.session().run(code) for _ in range(6)))
    spans = [tuple(map(float, result.output.split())) for result in results]
    for began, _ in spans:
        assert sum(start <= began < end for start, end in spans) <= 2
    await sandbox.close()


async def test_more_sessions_than_places_take_turns(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genprm.sandbox.local.LIVE_SESSIONS", 3)

    async def path(i: int) -> list[str]:
        session = sandbox.session()
        results = [await session.run(code) for code in (f"x = {i}", "x += 1", "print(x)")]
        await session.close()
        assert [result.state for result in results] == ["kept"] * 3
        return [result.output for result in results]

    assert await asyncio.gather(*(path(i) for i in range(12))) == [["", "", f"{i + 1}\n"] for i in range(12)]


def test_a_sandbox_serves_several_event_loops(settings: SandboxSettings) -> None:
    sandbox = open_sandbox(settings)
    session = sandbox.session()
    assert asyncio.run(session.run("x = 20\nprint(x)")).output == "20\n"
    assert asyncio.run(session.run("print(x + 1)")).output == "21\n"
    asyncio.run(sandbox.close())
    with pytest.raises(SandboxError, match="closed"):
        asyncio.run(sandbox.session().run("1"))


def descendants() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


async def test_nothing_is_left_after_close(settings: SandboxSettings) -> None:
    before = descendants()
    sandbox = open_sandbox(settings)
    sessions = [sandbox.session() for _ in range(3)]
    for session in sessions:
        await session.run("x = 1")
    assert len(descendants() - before) >= 4  # the zygote, three sessions, and those forked ahead
    await sessions[0].close()
    await sandbox.close()
    for _ in range(50):
        if not descendants() - before:
            break
        await asyncio.sleep(0.1)
    assert descendants() == before


SPIN = "def forever():\n    while True:\n        try:\n            forever2()\n        except BaseException:\n"
SPIN += "            pass\ndef forever2():\n    n = 0\n    while True:\n        n += 1\nforever()"
ORPHAN = f"""
import asyncio
SPIN = {SPIN!r}
"""
ORPHAN += """
from genprm.sandbox import open_sandbox
from genprm.settings import SandboxSettings
async def main():
    sandbox = open_sandbox(SandboxSettings(level={level}, seconds=60, workers=3))
    sessions = [sandbox.session() for _ in range(3)]
    for session in sessions:
        await session.run("x = 1")
    spinning = [asyncio.create_task(session.run(SPIN)) for session in sessions]
    await asyncio.sleep(0.3)
    print("spinning", flush=True)
    await asyncio.gather(*spinning)
asyncio.run(main())
"""


def test_nothing_is_left_when_the_caller_is_killed(level: int) -> None:
    script = ORPHAN.replace("{level}", str(level))
    caller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    assert caller.stdout.readline() == "spinning\n"
    family = psutil.Process(caller.pid).children(recursive=True)
    assert len(family) >= 4  # the zygote, three sessions, and those forked ahead
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    time.sleep(0.5)
    # Whoever adopts them may take its time to bury them.
    assert [
        process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ] == []
    caller.stdout.close()
