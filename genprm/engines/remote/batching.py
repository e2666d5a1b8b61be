"""Engines that batch by themselves, in other processes: every sample is sent to them as a request of its own."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence

from genprm.engines.base import Completion, EngineError, Sampling
from genprm.engines.remote.calls import Calls
from genprm.engines.tokenizer import ModelTokenizer
from genprm.records import Message, Provenance
from genprm.seeds import sample_seed
from genprm.settings import EngineSettings


class RemoteBatchingEngine(ABC):
    """What engines that batch by themselves have in common: tokens in and out, one event loop, the counts.

    Works from any number of event loops at once. `kind` names the backend. The tokenizer is the model's own, unless
    one that several engines share is given.

    Raises:
        EngineError: there is no tokenizer.
    """

    provenance: Provenance

    def __init__(
        self, kind: str, model: str, settings: EngineSettings, tokenizer: ModelTokenizer | None = None
    ) -> None:
        self.model = model
        self._tokenizer = tokenizer or ModelTokenizer(model, settings.max_context)
        self._calls = Calls(f"genprm-{kind}", settings.max_in_flight)
        self.prompt_tokens_seen = 0
        """Prompt tokens of all requests so far."""
        self.prefix_tokens_reused = 0
        """Prompt tokens that did not have to be computed again; 0 where the engine does not say."""

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """Chat messages as prompt text by the model's own template (`genprm.engines.chat`)."""
        return self._tokenizer.render(messages, prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As `Engine.complete`. Cancelling the awaiting task ends its requests in the engine."""
        ids = self._tokenizer.prompt(prompt)
        return await self._calls.run(
            [functools.partial(self._sample, ids, sampling, sample_seed(sampling.seed, i, ids)) for i in range(n)]
        )

    async def close(self) -> None:
        """Free what the engine holds. Requests in flight fail with EngineError."""
        await self._calls.close(EngineError(f"model {self.model}: the engine is closed"), self._shut_down)

    def _count(self, prompt_tokens: int, reused: int) -> None:
        self.prompt_tokens_seen += prompt_tokens
        self.prefix_tokens_reused += reused

    @abstractmethod
    async def _sample(self, ids: list[int], sampling: Sampling, seed: int) -> Completion:
        """One completion of the prompt `ids`."""

    @abstractmethod
    async def _shut_down(self) -> None:
        """Free what the engine holds; on the event loop, when no request is left."""
