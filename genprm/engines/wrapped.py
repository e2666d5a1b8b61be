"""An engine in front of another one: a base for engines that observe requests or change how they are made."""

from __future__ import annotations

from collections.abc import Sequence

from genprm.engines.base import Completion, Engine, Sampling
from genprm.records import Message


class WrappedEngine:
    """Passes every call on to the engine behind it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.model = engine.model
        self.provenance = engine.provenance

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """As the engine behind it."""
        return self._engine.render(messages, prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As the engine behind it."""
        return await self._engine.complete(prompt, sampling, n)

    async def close(self) -> None:
        """Close the engine behind it."""
        await self._engine.close()
