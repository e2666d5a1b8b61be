"""Hostile and unlucky scripts. Each must end with a status, in time, without effect on anyone but its own session:
the sandbox must give a fresh session the right result afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

import pytest

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.sandbox.inside.clock import GRACE_SECONDS
from genprm.settings import SandboxSettings
from tests.genprm.sandbox.battery import CASES, OUT_OF_REACH, SETTINGS, run_once


@pytest.fixture(scope="module")
def settings(level: int) -> SandboxSettings:
    return SETTINGS.model_copy(update={"level": level})


def test_nothing_is_written_outside(tmp_path: Path, settings: SandboxSettings) -> None:
    sandbox = open_sandbox(settings)
    tmp_path.chmod(0o777)
    victim = tmp_path / "victim"
    victim.write_text("whole")
    victim.chmod(0o666)
    for code in [
        f"open({str(tmp_path / 'new')!r}, 'w').write('x')",
        f"open({str(victim)!r}, 'w').write('x')",
        f"import os\nos.truncate({str(victim)!r}, 0)",
        f"import os\nos.unlink({str(victim)!r})",
        f"import os\nos.symlink('/etc/passwd', {str(tmp_path / 'link')!r})",
    ]:
        result = asyncio.run(run_once(sandbox, code))
        assert result.status == "error"
        assert any(text in result.output for text in OUT_OF_REACH), result.output
    asyncio.run(sandbox.close())
    assert victim.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [victim]


@pytest.mark.parametrize("name", CASES)
async def test_a_script_harms_nobody(shared: Sandbox, level: int, name: str) -> None:
    case = CASES[name]
    assert shared.level == level
    result = await run_once(shared, case.code)
    assert result.status in case.statuses.split()
    assert any(text in result.output for text in case.shown), result.output
    assert len(result.output) < 2 * SETTINGS.output_bytes
    after = await run_once(shared, "import sympy\nprint(sympy.Integer(6) * 7)")
    assert (after.status, after.output, after.state) == ("ok", "42\n", "kept")


def test_no_script_left_anything_on_this_machine() -> None:
    """Runs after the scripts of both levels."""
    assert [name for name in ("/tmp/escaped", "/dev/shm/escaped", "/tmp/pickled") if Path(name).exists()] == []


async def test_a_hard_kill_comes_half_a_second_after_the_limit_or_later(shared: Sandbox) -> None:
    await run_once(shared, "1")
    result = await run_once(shared, CASES["loop that swallows everything"].code)
    assert result.status == "killed_timeout"
    assert result.seconds >= SETTINGS.seconds + GRACE_SECONDS


async def test_loopback_cannot_be_reached(shared: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        result = await run_once(shared, f"import socket\nsocket.create_connection(('127.0.0.1', {port}))")
        assert result.status == "error"
        assert "PermissionError" in result.output
        with pytest.raises(TimeoutError):
            server.accept()


async def test_secrets_of_the_caller_are_not_inherited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPRM_TEST_TOKEN", "s3cret")
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)
    try:
        shown = await run_once(sandbox, "import os\nprint(dict(os.environ))")
        assert shown.status == "ok"
        assert "s3cret" not in shown.output
        count = await run_once(
            sandbox,
            "import os\nopened = []\nfor d in range(64):\n    try:\n        os.fstat(d)\n    except OSError:\n"
            "        continue\n    opened.append(d)\nprint(opened)",
        )
        assert count.output == "[0, 1, 2, 3, 4]\n"
    finally:
        os.close(read_end)
        os.close(write_end)


async def test_a_frame_forged_for_the_next_block_is_noticed(shared: Sandbox) -> None:
    session = shared.session()
    early = (
        "import os, struct, sys\n"
        "frames = sys.modules['inside.frames']\n"
        "def read(d, n):\n"
        "    os.write(3, struct.pack('!I', 2) + b'{}')\n"
        "    return os.read(d, n)\n"
        "frames.read = read"
    )
    assert (await session.run(early)).status == "ok"
    await asyncio.sleep(0.1)
    assert (await session.run("print(1)")).status == "protocol_violation"
    result = await session.run("print(2)")
    assert (result.status, result.output, result.state) == ("ok", "2\n", "lost")


async def test_a_session_cannot_reach_its_sibling(shared: Sandbox) -> None:
    victim, attacker = shared.session(), shared.session()
    pid = (await victim.run("import os\nsecret = 'hush' * 3\nprint(os.getpid())")).output.strip()
    for attack in [
        f"import os\nos.kill({pid}, 9)",
        f"import os\nos.killpg({pid}, 9)",
        f"import resource\nresource.prlimit({pid}, resource.RLIMIT_CPU, (0, 0))",
        f"open('/proc/{pid}/mem', 'r+b')",
        f"open('/proc/{pid}/maps')",
        f"import os\nos.sched_setaffinity({pid}, [0])",
        f"import os\nos.setpriority(os.PRIO_PROCESS, {pid}, 19)",
        f"import os\nos.pidfd_open({pid})",
    ]:
        result = await attacker.run(attack)
        assert result.status == "error"
        assert any(text in result.output for text in OUT_OF_REACH), result.output
    libc = "import ctypes\nlibc = ctypes.CDLL(None)\n"
    for call in [f"libc.ptrace(16, {pid}, 0, 0)", f"libc.process_vm_readv({pid}, None, 0, None, 0, 0)"]:
        assert (await attacker.run(f"{libc}print({call})")).output == "-1\n"
    after = await victim.run("print(secret)")
    assert (after.output, after.state) == ("hushhushhush\n", "kept")


async def test_many_hostile_sessions_at_once_leave_the_good_ones_alone(settings: SandboxSettings) -> None:
    sandbox = open_sandbox(settings.model_copy(update={"workers": 8, "seconds": 3.0}))
    names = ["loop that swallows everything", "os.abort", "forged answers", "3 GB at once", "kill everyone"]
    bad = [CASES[name].code for name in names]
    jobs = []
    for i in range(60):
        jobs.append(run_once(sandbox, f"total = {i}\nprint(total * total)" if i % 6 else bad[(i // 6) % len(bad)]))
    began = time.monotonic()
    results = await asyncio.gather(*jobs)
    assert time.monotonic() - began < 60
    for i, result in enumerate(results):
        if i % 6:
            assert (result.status, result.output) == ("ok", f"{i * i}\n")
        else:
            assert result.status != "ok"
    await sandbox.close()
