"""Engine and sandbox of this process: opened when first asked for, kept for the next partition."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

from genprm.engines import open_engine
from genprm.engines.base import Engine
from genprm.sandbox.base import Sandbox
from genprm.settings import EngineSettings, SandboxSettings

T = TypeVar("T")


class LocalMachines:
    """One engine at a time (a GPU holds one) unless several are asked for at once, and one sandbox, on one event
    loop of their own."""

    def __init__(self, engine: EngineSettings, sandbox: SandboxSettings) -> None:
        self._engine_settings = engine
        self._sandbox_settings = sandbox
        self._engines: dict[str, Engine] = {}
        self._sandbox: Sandbox | None = None
        self._runner: asyncio.Runner | None = None

    @property
    def settings(self) -> EngineSettings:
        """How text is generated here."""
        return self._engine_settings

    def engine(self, model: str) -> Engine:
        """The engine of a model; those of other models are closed.

        Raises:
            EngineError: the backend is not available or the model cannot be loaded.
        """
        (engine,) = self.engines(model)
        return engine

    def engines(self, *models: str) -> list[Engine]:
        """The engines of several models that work at the same time; those of other models are closed.

        Raises:
            EngineError: as `engine`; also where there is no memory for all of them.
        """
        others = [model for model in self._engines if model not in models]
        for model in others:
            self.run(self._engines.pop(model).close())
        if others:
            _give_memory_back()
        for model in models:
            if model not in self._engines:
                self._engines[model] = open_engine(model, self._engine_settings)
        return [self._engines[model] for model in models]

    def sandbox(self) -> Sandbox:
        """Where model-written code runs.

        Raises:
            SandboxError: the isolation asked for is not available.
        """
        if self._sandbox is None:
            from genprm.sandbox import open_sandbox

            self._sandbox = open_sandbox(self._sandbox_settings)
        return self._sandbox

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end. One loop serves all calls; after a failure nothing is kept."""
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
            for engine in engines:
                await engine.close()
            if sandbox is not None:
                await sandbox.close()

        self._loop().run(close())
        _give_memory_back()


_OPEN: dict[tuple[EngineSettings, SandboxSettings], LocalMachines] = {}
"""The machines of this process. There is at most one entry: memory is for one engine."""


def machines_of_this_process(engine: EngineSettings, sandbox: SandboxSettings) -> LocalMachines:
    """The same machines for every run of this process; those with other settings are released first."""
    settings = engine, sandbox
    if settings not in _OPEN:
        release_machines()
        _OPEN[settings] = LocalMachines(engine, sandbox)
    return _OPEN[settings]


def release_machines() -> None:
    """Close what this process has opened."""
    while _OPEN:
        _OPEN.popitem()[1].release()


def _give_memory_back() -> None:
    """Return freed memory to the machine: the allocator is told to keep large blocks while an engine works."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc only
        trim(0)
