"""Sessions in a container: the same as on this machine at level 2, and what the container itself holds back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from genprm.sandbox import docker as docker_module
from genprm.sandbox import open_sandbox, probe
from genprm.sandbox.base import Sandbox, SandboxError
from genprm.settings import SandboxSettings
from tests.genprm.sandbox.battery import CASES, DENIED, SETTINGS, run_once

IMAGE = "genprm-sandbox"
READ_ONLY = "Code execute Error: OSError: [Errno 30] Read-only file system"
"""What a script meets in a container before it meets Landlock."""

ORDINARY = {
    "algebra": "import sympy as sp\nx = sp.symbols('x')\nprint(sp.solve(x**2 - 5*x + 6, x), sp.factor(x**4 - 1))",
    "calculus": "from sympy import *\nx = symbols('x')\nprint(integrate(exp(-x**2), (x, -oo, oo)))",
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


def containers(engine: Any, supervisor: int) -> set[str]:
    """Ids of the containers of a supervisor, running or not."""
    found = engine.api.containers(all=True, filters={"label": f"{docker_module.LABEL}={supervisor}"})
    return {one["Id"] for one in found}


@pytest.fixture
async def container(sandbox: Sandbox, engine: Any) -> Any:
    """The container of `sandbox`."""
    before = containers(engine, os.getpid())
    await run_once(sandbox, "1")
    (own,) = containers(engine, os.getpid()) - before
    return engine.containers.get(own)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
async def test_a_script_harms_nobody(shared: Sandbox, name: str) -> None:
    case = CASES[name]
    assert shared.level == 2
    result = await run_once(shared, case.code)
    assert result.status in case.statuses.split()
    shown = (*case.shown, READ_ONLY) if DENIED[0] in case.shown else case.shown
    assert any(text in result.output for text in shown), result.output
    after = await run_once(shared, "import sympy\nprint(sympy.Integer(6) * 7)")
    assert (after.status, after.output, after.state) == ("ok", "42\n", "kept")


@pytest.mark.slow
async def test_ordinary_scripts_print_what_they_print_on_this_machine(engine: Any) -> None:
    if probe.lacking(2):
        pytest.skip(probe.refusal(2))
    patient = SETTINGS.model_copy(update={"level": 2, "seconds": 60.0})
    here, there = open_sandbox(patient), open_sandbox(patient.model_copy(update={"docker": IMAGE}))
    for name, code in ORDINARY.items():
        wanted, result = await run_once(here, code), await run_once(there, code)
        assert (name, result.status, result.output) == (name, wanted.status, wanted.output)
    await here.close()
    await there.close()


@pytest.mark.slow
def test_a_run_says_that_its_code_ran_in_a_container(shared: Sandbox) -> None:
    described = shared.description()
    assert (described["level"], described["docker"]) == (2, IMAGE)


@pytest.mark.slow
async def test_names_persist_in_a_session_and_are_shared_with_nobody(shared: Sandbox) -> None:
    one, other = shared.session(), shared.session()
    await one.run("secret = 41")
    assert (await one.run("print(secret + 1)")).output == "42\n"
    assert "NameError" in (await other.run("print(secret)")).output


@pytest.mark.slow
async def test_the_container_holds_back_what_a_session_could_not_even_ask_for(container: Any) -> None:
    """The layer below the sessions, tried by a program in the same container that no filter holds."""

    def tried(code: str) -> str:
        said: bytes = container.exec_run(["python3", "-c", code]).output
        return said.decode()

    assert "Network is unreachable" in tried("import socket\nsocket.create_connection(('192.0.2.1', 80), 5)")
    assert tried("import socket\nprint([name for _, name in socket.if_nameindex()])") == "['lo']\n"
    for place in ("/", "/tmp", "/var/tmp", "/inside", "/control", "/opt/sandbox", "/dev", "/dev/shm"):
        assert "Error: [Errno" in tried(f"open('{place}/file', 'w')"), place
    assert "Operation not permitted" in tried("import os\nos.setuid(0)")
    assert "Operation not permitted" in tried("import os\nos.chroot('/')")
    status = tried("print(open('/proc/self/status').read())")
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Uid:\t0" not in status


@pytest.mark.slow
async def test_processes_and_memory_of_the_container_are_limited(container: Any) -> None:
    limits = container.attrs["HostConfig"]
    assert 0 < limits["PidsLimit"] < 1000
    assert 0 < limits["Memory"] <= 4 * 2**30
    assert limits["MemorySwap"] == limits["Memory"]
    assert limits["Privileged"] is False
    assert all(mount["RW"] is False for mount in container.attrs["Mounts"])


@pytest.mark.slow
async def test_the_containers_are_gone_after_close(settings: SandboxSettings, engine: Any) -> None:
    before = containers(engine, os.getpid())
    sandbox = open_sandbox(settings)
    await run_once(sandbox, "1")
    await run_once(sandbox, "import scipy")
    spinning = asyncio.create_task(sandbox.session().run(CASES["loop that swallows everything"].code))
    await asyncio.sleep(0.2)
    assert containers(engine, os.getpid()) > before
    await sandbox.close()
    assert containers(engine, os.getpid()) == before
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
    deadline = time.monotonic() + 30
    while containers(engine, supervisor.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
async def test_a_container_that_died_is_replaced(sandbox: Sandbox, container: Any) -> None:
    session = sandbox.session()
    await session.run("x = 1")
    container.kill()
    result = await session.run("print(x)")
    assert (result.status, result.output, result.state) == ("ok", "1\n", "replayed")


@pytest.mark.slow
async def test_a_zygote_that_does_not_start_says_why(settings: SandboxSettings, engine: Any) -> None:
    sandbox = open_sandbox(settings.model_copy(update={"preload": ("sympy", "no_such_library")}))
    before = containers(engine, os.getpid())
    with pytest.raises(SandboxError, match=r"container ended: ModuleNotFoundError: .*no_such_library"):
        await sandbox.session().run("1")
    assert containers(engine, os.getpid()) == before


def test_an_image_that_is_not_there_is_named(engine: Any) -> None:
    with pytest.raises(SandboxError, match=r"no image 'nobody/nothing' \(docker build -f infra/docker/sandbox"):
        open_sandbox(SandboxSettings(docker="nobody/nothing"))


def test_without_an_engine_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/engine/here.sock")
    with pytest.raises(SandboxError, match=r"no Docker engine answers .*No such file or directory"):
        open_sandbox(SandboxSettings(docker=IMAGE))


def test_an_engine_on_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(SandboxError, match=r"DOCKER_HOST=tcp://192\.0\.2\.1:2375 \(allowed: unix://"):
        open_sandbox(SandboxSettings(docker=IMAGE))


@pytest.mark.parametrize("level", [0, 1, 3])
def test_no_other_level_can_be_had_in_a_container(level: int) -> None:
    with pytest.raises(SandboxError, match=f"sandbox.level is {level}, allowed with sandbox.docker: 2"):
        open_sandbox(SandboxSettings(docker=IMAGE, level=level))
