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
    """At most one engine at a time (a GPU holds one) and one sandbox, on one event loop of their own."""

    def __init__(self, engine: EngineSettings, sandbox: SandboxSettings) -> None:
        self._engine_settings = engine
        self._sandbox_settings = sandbox
        self._engine: Engine | None = None
        self._model: str | None = None
        self._sandbox: Sandbox | None = None
        self._runner: asyncio.Runner | None = None

    @property
    def settings(self) -> EngineSettings:
        """How text is generated here."""
        return self._engine_settings

    def engine(self, model: str) -> Engine:
        """The engine of a model; the one before is closed when it was another model's.

        Raises:
            EngineError: the backend is not available or the model cannot be loaded.
        """
        if self._engine is None or self._model != model:
            if self._engine is not None:
                self.run(self._engine.close())
                self._engine = None
                _give_memory_back()
            self._engine, self._model = open_engine(model, self._engine_settings), model
        return self._engine

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
        """Close engine and sandbox, so that another process can have the memory."""
        engine, sandbox = self._engine, self._sandbox
        self._engine = self._sandbox = self._model = None

        async def close() -> None:
            if engine is not None:
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
