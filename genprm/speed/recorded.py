"""Record the requests to an engine, and submit them once more, all at once: plain batch generation of the same
prompts and outputs, the most that the engine can do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from genprm.engines.base import Completion, Engine, Sampling
from genprm.engines.wrapped import WrappedEngine
from genprm.event_loops import together
from genprm.speed.usage import Usage, measured

T = TypeVar("T")
Request = tuple[str, Sampling, int]
"""Prompt, sampling, and how many completions."""


class Recorded(WrappedEngine):
    """An engine that records its requests."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.requests: list[Request] = []

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """Record a request, and return the completions of the wrapped engine."""
        self.requests.append((prompt, sampling, n))
        return await super().complete(prompt, sampling, n)


async def at_once(engine: Engine, requests: Sequence[Request]) -> list[Completion]:
    """All completions of all requests, submitted together."""
    done = await together(engine.complete(prompt, sampling, n) for prompt, sampling, n in requests)
    return [completion for completions in done for completion in completions]


def measured_with(
    engine: Engine, work: Callable[[], Coroutine[Any, Any, T]], *beside: Engine
) -> tuple[T, Usage, float | None]:
    """The result of `work`, its cost, and the share of prompt tokens that came from a cached prefix; None where the
    engine does not report that.

    A first request warms up the engine and those that work `beside` it. At the end, all are closed.
    """
    engines = (engine, *beside)

    async def run() -> tuple[T, Usage, float | None]:
        try:
            for one in engines:
                await one.complete("Warm up.", Sampling(max_tokens=2))
            with measured() as usage:
                done = await work()
            return done, usage, _reuse(engine)
        finally:
            for one in engines:
                await one.close()

    return asyncio.run(run())


def _reuse(engine: Any) -> float | None:
    seen, reused = (getattr(engine, name, None) for name in ("prompt_tokens_seen", "prefix_tokens_reused"))
    return reused / seen if seen and reused is not None else None
