"""Sessions in a container: the same as on this machine at level 2, and what the container itself holds back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from genprm.sandbox import docker as docker_module
from genprm.sandbox import hosts, open_sandbox, probe
from genprm.sandbox.base import Execution, Sandbox, SandboxError
from genprm.settings import SandboxSettings
from tests.genprm.sandbox.battery import CASES, OUT_OF_REACH, SETTINGS

IMAGE = "genprm-sandbox"
READ_ONLY = "Code execute Error: OSError: [Errno 30] Read-only file system"
"""What a script meets in a container before it meets Landlock."""

ORDINARY = {
    "algebra": "import sympy as sp\nx = sp.symbols('x')\nprint(sp.solve(x**2 - 5*x + 6, x), sp.factor(x**4 - 1))",
    "calculus": "from sympy import *\nx = symbols('x')\nprint(integrate(exp(-x**2), (x, -oo, oo)), limit(sin(x)/x, x, 0))",
    "fractions": "from fractions import Fraction\nprint(sum(Fraction(1, n) for n in range(1, 20)))",
    "arrays": "import numpy as np\nprint(np.linalg.solve([[2, 1], [1, 3]], [1, 2]), np.random.rand(2))",
    "optimize": "from scipy import optimize\nprint(round(optimize.brentq(lambda x: x**3 - 2, 0, 2), 10))",
    "random": "import random\nprint(random.random(), hash('genprm'))",
    "error": "print('so far')\n1 / 0",
    "syntax error": "print(1",
    "time zone": "import time, locale\nprint(time.tzname, locale.getlocale())",
}


@pytest.fixture(scope="module")
def engine() -> Any:
    """A client of the Docker engine of this machine, which has the image of the sandbox."""
    docker = pytest.importorskip("docker")
    try:
        client = docker.from_env()
    except docker.errors.DockerException:
        pytest.skip("no Docker engine answers")
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pytest.skip(f"no image {IMAGE} (docker build -f infra/docker/sandbox.Dockerfile -t {IMAGE} .)")
    return client


@pytest.fixture(scope="module")
def settings(engine: Any) -> SandboxSettings:
    return SETTINGS.model_copy(update={"docker": IMAGE})


@pytest.fixture(scope="module")
def shared(settings: SandboxSettings) -> Iterator[Sandbox]:
    sandbox = open_sandbox(settings)
    yield sandbox
    asyncio.run(sandbox.close())


@pytest.fixture
async def sandbox(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    sandbox = open_sandbox(settings)
    yield sandbox
    await sandbox.close()


async def run_once(sandbox: Sandbox, code: str) -> Execution:
    session = sandbox.session()
    try:
        return await asyncio.wait_for(session.run(code), 90)
    finally:
        await session.close()


def containers(engine: Any, supervisor: int) -> list[Any]:
    found: list[Any] = engine.containers.list(all=True, filters={"label": f"{docker_module.LABEL}={supervisor}"})
    return found


def is_gone_soon(engine: Any, supervisor: int) -> bool:
    deadline = time.monotonic() + 30
    while containers(engine, supervisor):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
async def test_a_script_harms_nobody(shared: Sandbox, name: str) -> None:
    case = CASES[name]
    assert shared.level == 2
    result = await run_once(shared, case.code)
    assert result.status in case.statuses.split()
    shown = (*case.shown, READ_ONLY) if case.shown == OUT_OF_REACH else case.shown
    assert any(text in result.output for text in shown), result.output
    after = await run_once(shared, "import sympy\nprint(sympy.Integer(6) * 7)")
    assert (after.status, after.output, after.state) == ("ok", "42\n", "kept")


@pytest.mark.slow
async def test_ordinary_scripts_print_what_they_print_on_this_machine(shared: Sandbox) -> None:
    if probe.lacking(2):
        pytest.skip(probe.refusal(2))
    here = open_sandbox(SETTINGS.model_copy(update={"level": 2}))
    for name, code in ORDINARY.items():
        there, wanted = await run_once(shared, code), await run_once(here, code)
        assert (name, there.status, there.output) == (name, wanted.status, wanted.output)
    await here.close()


@pytest.mark.slow
async def test_names_persist_in_a_session_and_are_shared_with_nobody(shared: Sandbox) -> None:
    one, other = shared.session(), shared.session()
    await one.run("secret = 41")
    assert (await one.run("print(secret + 1)")).output == "42\n"
    assert "NameError" in (await other.run("print(secret)")).output


@pytest.mark.slow
async def test_the_container_holds_back_what_a_session_could_not_even_ask_for(
    sandbox: Sandbox, engine: Any
) -> None:
    """The layer below the sessions, tried by a program in the same container that no filter holds."""
    await run_once(sandbox, "1")
    (container,) = containers(engine, os.getpid())

    def tried(code: str) -> str:
        said: bytes = container.exec_run(["python3", "-c", code]).output
        return said.decode()

    assert "Network is unreachable" in tried("import socket\nsocket.create_connection(('192.0.2.1', 80), 5)")
    assert tried("import socket\nprint([name for _, name in socket.if_nameindex()])") == "['lo']\n"
    for place in ("/", "/tmp", "/var/tmp", "/inside", "/control", "/opt/sandbox", "/dev", "/dev/shm"):
        assert "OSError" in (said := tried(f"open('{place}/file', 'w')")) or "Error: [Errno" in said, said
    assert "Operation not permitted" in tried("import os\nos.setuid(0)")
    assert "Operation not permitted" in tried(
        "import os\nos.unshare(0x20000)" if sys.version_info >= (3, 12) else "import os\nos.chroot('/')"
    )
    status = tried("print(open('/proc/self/status').read())")
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Uid:\t0" not in status


@pytest.mark.slow
async def test_processes_and_memory_of_the_container_are_limited(sandbox: Sandbox, engine: Any) -> None:
    await run_once(sandbox, "1")
    (container,) = containers(engine, os.getpid())
    limits = container.attrs["HostConfig"]
    assert 0 < limits["PidsLimit"] < 1000
    assert 0 < limits["Memory"] <= 4 * 2**30
    assert limits["MemorySwap"] == limits["Memory"]
    assert limits["Privileged"] is False
    assert all(mount["RW"] is False for mount in container.attrs["Mounts"])


@pytest.mark.slow
async def test_the_container_is_gone_after_close(settings: SandboxSettings, engine: Any) -> None:
    sandbox = open_sandbox(settings)
    spinning = asyncio.create_task(sandbox.session().run(CASES["loop that swallows everything"].code))
    await run_once(sandbox, "1")
    before = containers(engine, os.getpid())
    assert before
    await sandbox.close()
    assert {one.id for one in before}.isdisjoint(one.id for one in containers(engine, os.getpid())) or not before
    await asyncio.wait([spinning])


SUPERVISOR = f"""
import asyncio
from genprm.sandbox import open_sandbox
from genprm.settings import SandboxSettings

async def main():
    sandbox = open_sandbox(SandboxSettings(docker={IMAGE!r}, seconds=300.0, workers=3))
    await sandbox.session().run("1")
    spin = "while True:\\n    try:\\n        while True: pass\\n    except BaseException: pass"
    jobs = [asyncio.create_task(sandbox.session().run(spin)) for _ in range(3)]
    await asyncio.sleep(1)
    print("spinning", flush=True)
    await asyncio.gather(*jobs)

asyncio.run(main())
"""


@pytest.mark.slow
def test_the_container_is_gone_after_the_supervisor_is_killed(engine: Any) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    try:
        assert supervisor.stdout.readline() == "spinning\n"
        assert len(containers(engine, supervisor.pid)) == 1
    finally:
        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        supervisor.stdout.close()
    assert is_gone_soon(engine, supervisor.pid)


@pytest.mark.slow
async def test_a_container_that_died_is_replaced(sandbox: Sandbox, engine: Any) -> None:
    session = sandbox.session()
    await session.run("x = 1")
    (container,) = containers(engine, os.getpid())
    container.kill()
    result = await session.run("print(x)")
    assert (result.status, result.output, result.state) == ("ok", "1\n", "replayed")


@pytest.mark.slow
async def test_a_zygote_that_does_not_start_says_why(
    settings: SandboxSettings, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "PRELOADED", ("sympy", "no_such_library"))
    sandbox = open_sandbox(settings)
    with pytest.raises(SandboxError, match=r"container ended: ModuleNotFoundError: .*no_such_library"):
        await sandbox.session().run("1")
    await sandbox.close()
    assert is_gone_soon(engine, os.getpid())


def test_an_image_that_is_not_there_is_named(engine: Any) -> None:
    with pytest.raises(SandboxError, match=r"no image 'nobody/nothing' \(docker build -f infra/docker/sandbox"):
        open_sandbox(SandboxSettings(docker="nobody/nothing"))


def test_without_an_engine_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/engine/here.sock")
    with pytest.raises(SandboxError, match="Docker: .*No such file or directory"):
        open_sandbox(SandboxSettings(docker=IMAGE))


def test_an_engine_on_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(SandboxError, match=r"DOCKER_HOST=tcp://192\.0\.2\.1:2375 \(allowed: unix://"):
        open_sandbox(SandboxSettings(docker=IMAGE))


@pytest.mark.parametrize("level", [0, 1, 3])
def test_no_other_level_can_be_had_in_a_container(level: int) -> None:
    with pytest.raises(SandboxError, match=f"sandbox.level is {level}, allowed with sandbox.docker: 2"):
        open_sandbox(SandboxSettings(docker=IMAGE, level=level))
