"""Hostile and unlucky scripts. Each must end with a status, in time, without effect on anyone but its own session:
the sandbox must give a fresh session the right result afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Execution, Sandbox
from genprm.settings import SandboxSettings

SECONDS = 1.0
SETTINGS = SandboxSettings(seconds=SECONDS, memory_mb=256, output_bytes=4096)

SWALLOW = """
def forever():
    n = 0
    while True:
        n += 1
while True:
    try:
        forever()
    except BaseException:
        pass
"""
DEAF = """
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)
n = 0
while True:
    n += 1
"""
FORGE = """
import json, os, struct
body = json.dumps({"nonce": "0" * 32, "status": "ok", "error": ""}).encode()
for descriptor in range(3, 64):
    try:
        os.write(descriptor, struct.pack("!I", len(body)) + body)
    except OSError:
        pass
"""
GARBAGE = """
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b"\\xff" * 65536)
    except OSError:
        pass
"""
LIVE_ON = """
import threading, time
def later():
    time.sleep(0.2)
    print("from the past")
threading.Thread(target=later).start()
"""

DENIED = "Code execute Error: PermissionError"
NO_MEMORY = "Code execute Error: MemoryError: "

CASES = {
    "endless loop": ("while True:\n    pass", "timeout", "Code execute time out: 1 seconds"),
    "loop that swallows everything": (SWALLOW, "killed_timeout", "Code execute time out: 1 seconds"),
    "loop without an alarm": (DEAF, "killed_timeout", "Code execute time out: 1 seconds"),
    "sleep": ("import time\ntime.sleep(60)", "timeout", "Code execute time out: 1 seconds"),
    "hang in C: regular expression": (
        "import re\nre.match('(a+)+b', 'a' * 40)",
        "*timeout",
        "Code execute time out",
    ),
    "hang in C: huge power": ("print(len(str(7 ** (10 ** 9))))", "*timeout", "Code execute time out"),
    "stops itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "killed_timeout", "time out"),
    "fork bomb": ("import os\nwhile True:\n    os.fork()", "error", DENIED),
    "thread bomb": (
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(9,)).start()",
        "error",
        "Code execute Error: RuntimeError: can't start new thread",
    ),
    "thread left over": (LIVE_ON, "error", "Code execute Error: RuntimeError: can't start new thread"),
    "3 GB at once": ("x = bytearray(3 * 2**30)", "error", NO_MEMORY),
    "growing list": ("x = []\nwhile True:\n    x.append(bytearray(2**20))", "error", NO_MEMORY),
    "memory in a memfd": ("import os\nos.memfd_create('x')", "error", DENIED),
    "output flood by print": ("while True:\n    print('x' * 10000)", "*killed_output timeout", "Code execute"),
    "output flood by descriptor": (
        "import os\nwhile True:\n    os.write(1, b'x' * 65536)",
        "*killed_output timeout",
        "Code execute",
    ),
    "os._exit": ("import os\nprint('gone')\nos._exit(0)", "died", "ProcessDied: exit status 0"),
    "os.abort": ("import os\nos.abort()", "died", "ProcessDied: exit status -6"),
    "null pointer": ("import ctypes\nctypes.string_at(0)", "died", "ProcessDied: exit status -11"),
    "sys.exit": ("import sys\nprint('so far')\nsys.exit(3)", "exit", "so far"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "error", "Code execute Error: KeyboardInterrupt: "),
    "own BaseException": ("class E(BaseException): pass\nraise E('!')", "error", "Code execute Error: E: !"),
    "exception that cannot print": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
        "error",
        "Code execute Error: E: <",
    ),
    "kill parent": ("import os\nos.kill(os.getppid(), 9)", "error", DENIED),
    "kill everyone": ("import os\nos.kill(-1, 9)", "error", DENIED),
    "starve parent": (
        "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
        "error",
        DENIED,
    ),
    "ptrace parent": (
        "import ctypes, os\nprint(ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0))",
        "ok",
        "-1\n",
    ),
    "memory of parent": ("import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')", "error", DENIED),
    "environment of others": ("print(open('/proc/1/environ').read())", "error", DENIED),
    "exec a program": ("import os\nos.execv('/bin/true', ['true'])", "error", DENIED),
    "run a program": ("import subprocess\nsubprocess.run(['true'])", "error", DENIED),
    "read /etc/shadow": ("print(open('/etc/shadow').read())", "error", DENIED),
    "list the root": ("import os\nprint(os.listdir('/'))", "error", DENIED),
    "import the project": ("import genprm.sandbox", "error", "Code execute Error: ModuleNotFoundError"),
    "write in /tmp": ("open('/tmp/escaped', 'w').write('x')", "error", DENIED),
    "socket": ("import socket\nsocket.socket()", "error", DENIED),
    "unix socket pair": ("import socket\nsocket.socketpair()", "error", DENIED),
    "new namespace": (
        "import ctypes\nprint(ctypes.CDLL(None).unshare(0x10000000))",
        "ok",
        "-1\n",
    ),
    "5000 open files": (
        "files = [open('/dev/null') for _ in range(5000)]",
        "error",
        "Code execute Error: OSError: [Errno 24]",
    ),
    "raise own limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "error",
        "Code execute Error: ValueError",
    ),
    "recursion": ("def f(): f()\nf()", "error", "Code execute Error: RecursionError"),
    "recursion past the limit": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return sorted([x], key=lambda y: f(y))\nf(1)",
        "*died error",
        "Code execute Error",
    ),
    "deeply nested source": ("(" * 100000 + ")" * 100000, "*error died", "Code execute Error"),
    "NUL in the source": ("print(1)\0", "error", "Code execute Error"),
    "surrogate in the source": ("print('\ud800')", "error", "Code execute Error: UnicodeEncodeError"),
    "prints a surrogate": ("print(chr(0xd800))", "error", "Code execute Error: UnicodeEncodeError"),
    "prints invalid UTF-8": ("import os\nos.write(1, b'\\xff')\n1", "ok", "\ufffd"),
    "input": ("input()", "error", "Code execute Error: EOFError: EOF when reading a line"),
    "closes its output": ("import sys\nprint('a')\nsys.stdout.close()", "ok", "a\n"),
    "no output object": ("import sys\nsys.stdout = None\nprint('a')", "ok", ""),
    "closes every descriptor": ("import os\nos.closerange(0, 64)", "died", "Code execute Error: ProcessDied"),
    "breaks print, json and os": (
        "import builtins, json, os\nbuiltins.print = json.dumps = os.write = os.read = None",
        "*ok died",
        "",
    ),
    "forged answers": (FORGE, "protocol_violation", "Code execute Error: ProtocolViolation"),
    "garbage on every descriptor": (GARBAGE, "protocol_violation", "Code execute Error: ProtocolViolation"),
    "syntax error": ("def f(:", "error", "Code execute Error: SyntaxError: invalid syntax (<string>, line 1)"),
    "no code": (" \n", "error", "Code format error: No code found."),
    "huge source": ("x = 1\n" * 10**6, "error", "Code execute Error: ValueError: code is longer than"),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    sandbox = open_sandbox(SETTINGS)
    yield sandbox
    asyncio.run(sandbox.close())


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = open_sandbox(SETTINGS)
    yield sandbox
    await sandbox.close()


async def run_once(sandbox: Sandbox, code: str) -> Execution:
    session = sandbox.session()
    try:
        return await asyncio.wait_for(session.run(code), 90)
    finally:
        await session.close()


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    sandbox = open_sandbox(SETTINGS)
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
        assert DENIED in result.output
    asyncio.run(sandbox.close())
    assert victim.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [victim]


@pytest.mark.parametrize("name", CASES)
async def test_a_script_harms_nobody(shared: Sandbox, name: str) -> None:
    code, wanted, shown = CASES[name]
    result = await run_once(shared, code)
    if wanted.startswith("*"):
        allowed = {"killed_timeout", "timeout"} if wanted == "*timeout" else {*wanted[1:].split(), "killed_timeout"}
        assert result.status in allowed
    else:
        assert result.status == wanted
    assert shown in result.output
    assert len(result.output) < 2 * SETTINGS.output_bytes
    after = await run_once(shared, "import sympy\nprint(sympy.Integer(6) * 7)")
    assert (after.status, after.output, after.state) == ("ok", "42\n", "kept")


async def test_a_hard_kill_comes_half_a_second_after_the_limit(sandbox: Sandbox) -> None:
    await run_once(sandbox, "1")
    result = await run_once(sandbox, SWALLOW)
    assert result.status == "killed_timeout"
    assert result.seconds >= SECONDS + 0.5


async def test_loopback_cannot_be_reached(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        result = await run_once(sandbox, f"import socket\nsocket.create_connection(('127.0.0.1', {port}))")
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


async def test_a_frame_forged_for_the_next_block_is_noticed(sandbox: Sandbox) -> None:
    session = sandbox.session()
    early = (
        "import atexit, os, signal, struct\n"
        "def speak(*_):\n    os.write(3, struct.pack('!I', 2) + b'{}')\n"
        "import sys\nclass Out:\n    def write(self, s): pass\n    def flush(self): pass\n"
        "signal.signal(signal.SIGALRM, speak)\n"
        "import builtins\n"
        "real = os.read\n"
        "def read(d, n):\n    if d == 3:\n        speak()\n    return real(d, n)\n"
        "os.read = read"
    )
    assert (await session.run(early)).status == "ok"
    await asyncio.sleep(0.1)
    assert (await session.run("print(1)")).status == "protocol_violation"
    result = await session.run("print(2)")
    assert (result.status, result.output, result.state) == ("ok", "2\n", "lost")


async def test_many_hostile_sessions_at_once_leave_the_good_ones_alone() -> None:
    sandbox = open_sandbox(SETTINGS.model_copy(update={"workers": 8, "seconds": 3.0}))
    bad = [SWALLOW, "import os\nos._exit(1)", FORGE, "x = bytearray(3 * 2**30)", "import os\nos.kill(-1, 9)"]
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
