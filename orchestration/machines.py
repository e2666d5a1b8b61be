"""Engine and sandbox of this process: opened when first asked for, kept for the next partition."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from genprm.engines import is_served, open_engine
from genprm.engines.base import Engine
from genprm.engines.copies.devices import Devices, visible_devices, wanted_devices
from genprm.event_loops import cancel_others
from genprm.sandbox.base import Sandbox
from genprm.settings import EngineSettings, SandboxSettings
from orchestration.leases import Lease, take

T = TypeVar("T")

_VISIBLE = "CUDA_VISIBLE_DEVICES"


class LocalMachines:
    """One engine at a time (a GPU holds one), unless several are asked for at once or the models are on servers;
    and one sandbox. All share one event loop. GPUs are leased when the first engine opens on this machine, until
    `release`."""

    def __init__(self, engine: EngineSettings, sandbox: SandboxSettings) -> None:
        self._engine_settings = engine
        self._sandbox_settings = sandbox
        self._engines: dict[str, Engine] = {}
        self._lease: Lease | None = None
        self._sandbox: Sandbox | None = None
        self._runner: asyncio.Runner | None = None

    @property
    def settings(self) -> EngineSettings:
        """How text is generated here."""
        return self._engine_settings

    @property
    def live_paths(self) -> int:
        """Verification paths that are judged at a time."""
        return self._engine_settings.live_paths

    def work_with(self, engine: EngineSettings, sandbox: SandboxSettings) -> bool:
        """Whether these are the settings of the machines."""
        return (engine, sandbox) == (self._engine_settings, self._sandbox_settings)

    def engine(self, model: str) -> Engine:
        """The engine of a model; those of other models on this machine are closed.

        Raises:
            EngineError: the backend is not available or the model cannot be loaded.
        """
        (engine,) = self.engines(model)
        return engine

    def engines(self, *models: str) -> list[Engine]:
        """The engines of several models that work at the same time; those of others on this machine are closed.

        Raises:
            EngineError: as `engine`; also where there is no memory for all of them.
        """
        others = [model for model in self._engines if model not in models and not self._is_served(model)]
        for model in others:
            self.run(self._engines.pop(model).close())
        if others:
            _give_memory_back()
        for model in models:
            if model not in self._engines:
                devices = None if self._is_served(model) else self._leased()
                self._engines[model] = open_engine(model, self._engine_settings, devices)
        return [self._engines[model] for model in models]

    def _is_served(self, model: str) -> bool:
        return is_served(model, self._engine_settings)

    def _leased(self) -> Devices | None:
        """The GPUs that the engines of this process have to themselves; None where there are none."""
        names = visible_devices()
        if not names:
            return None
        if self._lease is None:
            self._lease = take(names, wanted_devices(self._engine_settings, len(names)))
        return Devices(self._lease.names, self._lease.locks)

    @contextmanager
    def devices(self, count: int) -> Iterator[None]:
        """Lease `count` GPUs, or all where there are fewer: processes started in the block see only these.

        Engine and sandbox are closed first.
        """
        self.release()
        names = visible_devices()
        if not names:
            yield
            return
        lease = take(names, min(count, len(names)))
        before = os.environ.get(_VISIBLE)
        os.environ[_VISIBLE] = ",".join(lease.names)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_VISIBLE]
            else:
                os.environ[_VISIBLE] = before
            lease.release()

    @property
    def awaited(self) -> bool:
        """Whether GPUs are leased here while another process waits for some."""
        return self._lease is not None and self._lease.awaited

    def sandbox(self) -> Sandbox:
        """Where model-written code runs.

        Raises:
            SandboxError: the isolation asked for is not available.
        """
        if self._sandbox is None:
            from genprm.sandbox import open_sandbox

            self._sandbox = open_sandbox(self._sandbox_settings)
        return self._sandbox

    def here(self, model: str) -> EngineSettings:
        """Close the engine to free its memory, and return the settings for a network that takes its place."""
        self.release()
        return self._engine_settings

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end. One loop serves all calls; after a failure engines and sandbox are closed."""
        loop = self._loop()
        try:
            return loop.run(work)
        except BaseException:
            self.release()
            raise

    def _loop(self) -> asyncio.Runner:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner

    def release(self) -> None:
        """Close engines and sandbox, so that another process can have the memory."""
        engines, sandbox = list(self._engines.values()), self._sandbox
        self._engines, self._sandbox = {}, None

        async def close() -> None:
            await cancel_others()  # an interrupt leaves work unfinished, and nobody would hear how it fails
            for engine in engines:
                await engine.close()
            if sandbox is not None:
                await sandbox.close()

        self._loop().run(close())
        _give_memory_back()
        if self._lease is not None:
            self._lease.release()
            self._lease = None


_OPEN: list[LocalMachines] = []
"""The machines of this process. There is at most one entry: memory is for one engine."""


def machines_of_this_process(engine: EngineSettings, sandbox: SandboxSettings) -> LocalMachines:
    """The same machines for every run of this process; those with other settings are released first."""
    if not _OPEN or not _OPEN[0].work_with(engine, sandbox):
        release_machines()
        _OPEN.append(LocalMachines(engine, sandbox))
    return _OPEN[0]


def release_machines() -> None:
    """Close what this process has opened."""
    while _OPEN:
        _OPEN.pop().release()


def release_awaited_machines() -> None:
    """Close what this process has opened if another process waits for its GPUs; called between two partitions."""
    if any(machines.awaited for machines in _OPEN):
        release_machines()


def _give_memory_back() -> None:
    """Return freed memory to the machine, because the allocator is set to keep large blocks (see `home`)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc only
        trim(0)
