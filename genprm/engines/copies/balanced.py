"""One engine in front of several copies of a model: it spreads requests evenly, uses what a copy has read before,
and loses nothing when a copy dies."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Sequence
from typing import Protocol

from genprm.engines.base import Completion, EngineDead, EngineError, Sampling
from genprm.engines.copies.routing import PrefixRouter
from genprm.engines.remote.calls import Calls
from genprm.engines.tokenizer import ModelTokenizer
from genprm.event_loops import together
from genprm.records import Message, Provenance

log = logging.getLogger(__name__)


class Copy(Protocol):
    """A copy of the model; works from the event loop that its requests come from."""

    @property
    def prompt_tokens_seen(self) -> int: ...
    @property
    def prefix_tokens_reused(self) -> int: ...

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As `Engine.complete`.

        Raises:
            EngineDead: this copy answers nothing any more.
        """
        ...

    async def close(self) -> None: ...


class BalancedEngine:
    """`copies` of a model as one engine. Works from any number of event loops at once.

    A request goes to the copy that knows most of its prompt (`PrefixRouter`) and is answered as if that were the
    only copy: the same seed gives the same text. When a copy dies, one line of the log says so, its requests go to
    another copy, and it is sent no more.
    """

    def __init__(
        self, model: str, tokenizer: ModelTokenizer, provenance: Provenance, copies: Sequence[Copy], calls: Calls
    ) -> None:
        self.model = model
        self.provenance = provenance
        self._tokenizer = tokenizer
        self._copies = list(copies)
        self._calls = calls
        self._loads = [0.0] * len(self._copies)
        """Samples in flight on each copy; infinity for a dead copy."""
        self._end: EngineDead | None = None
        """The error with which the last copy died."""
        self._router = PrefixRouter()

    @property
    def prompt_tokens_seen(self) -> int:
        """Prompt tokens of all answered requests so far."""
        return sum(copy.prompt_tokens_seen for copy in self._copies)

    @property
    def prefix_tokens_reused(self) -> int:
        """Prompt tokens that did not have to be computed again."""
        return sum(copy.prefix_tokens_reused for copy in self._copies)

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """Chat messages as prompt text by the model's own template (`genprm.engines.chat`)."""
        return self._tokenizer.render(messages, prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As `Engine.complete`, all by one copy. Cancelling the awaiting task ends the request in the copy.

        Raises:
            EngineDead: the last copy died.
        """
        (completions,) = await self._calls.run([functools.partial(self._ask, prompt, sampling, n)])
        return completions

    async def _ask(self, prompt: str, sampling: Sampling, n: int) -> list[Completion]:
        while self._end is None:
            chosen = self._router.choose(prompt, self._loads)
            self._loads[chosen] += n
            try:
                return await self._copies[chosen].complete(prompt, sampling, n)
            except EngineDead as error:
                await self._leave_out(chosen, error)
            except EngineError:
                if not math.isinf(self._loads[chosen]):
                    raise
            finally:
                self._loads[chosen] -= n
        raise type(self._end)(*self._end.args)

    async def _leave_out(self, dead: int, error: EngineDead) -> None:
        if math.isinf(self._loads[dead]):
            return
        self._loads[dead] = math.inf
        left = sum(not math.isinf(load) for load in self._loads)
        if not left:
            self._end = error
            self._calls.fail(error)
            return
        log.warning("%s; what it worked on goes to the other %s", error, "copy" if left == 1 else f"{left} copies")
        # Other requests that wait for this copy fail at once, and are sent to another.
        await self._copies[dead].close()

    async def close(self) -> None:
        """Free the models. Requests in flight fail with EngineError."""
        await self._calls.close(EngineError(f"model {self.model}: the engine is closed"), self._shut_down)

    async def _shut_down(self) -> None:
        await together([copy.close() for copy in self._copies])
