"""Engines of one process: how many are open at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from genprm.engines.copies.devices import DEVICES_VARIABLE, Devices
from genprm.settings import EngineSettings, SandboxSettings
from orchestration import leases, machines
from orchestration.machines import LocalMachines
from tests.genprm.scripted_engine import ScriptedEngine


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The models that are open, in the order of opening."""
    models: list[str] = []

    class Noted(ScriptedEngine):
        async def close(self) -> None:
            models.remove(self.model)
            await super().close()

    def open_engine(model: str, settings: EngineSettings, devices: Devices | None) -> ScriptedEngine:
        models.append(model)
        return Noted(lambda prompt: "Yes", model=model)

    monkeypatch.setattr(machines, "open_engine", open_engine)
    yield models
    assert models == [], "what was opened is closed in the end"


def test_one_engine_is_open_unless_several_are_asked_for_at_once(opened: list[str]) -> None:
    local = LocalMachines(EngineSettings(), SandboxSettings())
    policy = local.engine("policy")
    assert local.engine("policy") is policy
    assert [engine.model for engine in local.engines("policy", "judge")] == opened == ["policy", "judge"]
    assert local.engines("judge", "policy")[1] is policy, "it was open before"
    first, second = local.engines("judge", "judge")
    assert first is second
    assert opened == ["judge"]
    local.engine("critic")
    assert opened == ["critic"]
    local.release()


def test_an_interrupt_cancels_the_work_before_its_engine_is_closed(opened: list[str]) -> None:
    """Else the work fails with the engine, and its traceback is printed where nobody waits for it."""
    local = LocalMachines(EngineSettings(), SandboxSettings())
    local.engine("policy")
    open_when_cancelled: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def judge() -> None:
        asyncio.get_running_loop().call_soon(interrupt)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            open_when_cancelled.extend(opened)
            raise

    with pytest.raises(KeyboardInterrupt):
        local.run(judge())
    assert open_when_cancelled == ["policy"]


def leased(tmp_path: Path) -> list[str]:
    """Those of the devices 4 and 7 that somebody has."""
    found = []
    for name in ("4", "7"):
        with (tmp_path / f"genprm-devices-{os.getuid()}" / f"gpu-{name}").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(name)
    return found


@pytest.fixture
def two_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with the pretended devices 4 and 7, where nobody works."""
    monkeypatch.setenv(DEVICES_VARIABLE, "4,7")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    leases.take(("4", "7"), 2).release()
    return tmp_path


def test_engines_of_a_process_share_its_devices_until_they_are_closed(opened: list[str], two_devices: Path) -> None:
    first, second = (LocalMachines(EngineSettings(), SandboxSettings()) for _ in range(2))
    first.engines("policy", "judge")
    first.engine("critic")
    assert leased(two_devices) == ["4"]
    second.engine("policy")
    assert leased(two_devices) == ["4", "7"]
    first.release()
    assert leased(two_devices) == ["7"]
    second.release()
    assert leased(two_devices) == []


def test_a_training_sees_the_devices_that_were_leased_for_it(opened: list[str], two_devices: Path) -> None:
    local, other = (LocalMachines(EngineSettings(), SandboxSettings()) for _ in range(2))
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    local.engine("policy")
    other.engine("policy")
    with local.devices(1):
        assert opened == ["policy"], "its own engine was closed"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"
        assert leased(two_devices) == ["4", "7"]
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before
    other.release()
    with local.devices(8):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"
    assert leased(two_devices) == []


def test_an_engine_that_does_nothing_gives_way_to_who_waits(opened: list[str], two_devices: Path) -> None:
    machines.release_machines()
    machines.machines_of_this_process(EngineSettings(replicas=2), SandboxSettings()).engine("policy")
    machines.release_awaited_machines()
    assert leased(two_devices) == ["4", "7"], "nobody waits"
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(leases.take, ("4", "7"), 1)
        while not waits.done():
            machines.release_awaited_machines()
            time.sleep(0.01)
        waits.result().release()
    assert opened == []


def test_models_of_servers_stay_connected_and_take_no_device(opened: list[str], two_devices: Path) -> None:
    settings = EngineSettings(backend="openai", servers={"policy": ("http://one:1",), "judge": ("http://two:2",)})
    local = LocalMachines(settings, SandboxSettings())
    policy = local.engine("policy")
    local.engine("judge")
    assert local.engine("policy") is policy
    assert opened == ["policy", "judge"]
    assert leased(two_devices) == []
    local.release()


def test_beside_models_of_servers_the_others_take_turns_on_the_devices(
    opened: list[str], two_devices: Path
) -> None:
    local = LocalMachines(EngineSettings(servers={"policy": ("http://one:1",)}), SandboxSettings())
    policy = local.engine("policy")
    assert leased(two_devices) == []
    local.engine("judge")
    local.engine("critic")
    assert opened == ["policy", "critic"]
    assert leased(two_devices) == ["4"]
    assert local.engine("policy") is policy
    local.release()
    assert leased(two_devices) == []
