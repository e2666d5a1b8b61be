"""The machine of one command or one service: its own engines and sandbox, opened when a model first asks."""

from __future__ import annotations

from genprm.data_sets.rows import InputError
from genprm.engines import open_engine
from genprm.engines.base import Engine
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import EngineSettings, SandboxSettings


class OwnMachine:
    """Engines and a sandbox opened as the settings say. It closes what it opened."""

    def __init__(self, engine: EngineSettings, sandbox: SandboxSettings) -> None:
        self._settings = engine
        self._sandbox_settings = sandbox
        self._engines: dict[str, Engine] = {}
        self._sandbox: Sandbox | None = None

    @property
    def live_paths(self) -> int:
        """Verification paths that are judged at a time."""
        return self._settings.live_paths

    def engine(self, model: str) -> Engine:
        """The engine of a model.

        Raises:
            EngineError: the backend is not available or the model cannot be loaded.
        """
        if model not in self._engines:
            self._engines[model] = open_engine(model, self._settings)
        return self._engines[model]

    def sandbox(self) -> Sandbox:
        """Where model-written code runs.

        Raises:
            SandboxError: the isolation asked for is not available.
        """
        if self._sandbox is None:
            self._sandbox = open_sandbox(self._sandbox_settings)
        return self._sandbox

    def here(self, model: str) -> EngineSettings:
        """Precision and context of networks in this process.

        Raises:
            InputError: the engine asked for is not one of this process.
        """
        if self._settings.backend != "transformers":
            raise InputError(
                f"engine is {self._settings.backend!r}, allowed for model {model!r}: transformers "
                "(its rewards are read from forward passes)"
            )
        return self._settings

    async def close(self) -> None:
        """Free the engines and kill every interpreter."""
        for engine in self._engines.values():
            await engine.close()
        self._engines.clear()
        if self._sandbox is not None:
            await self._sandbox.close()
            self._sandbox = None
