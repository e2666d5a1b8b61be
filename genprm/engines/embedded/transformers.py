"""The embedded engine: a causal language model of transformers, decoded in one background thread.

Requests wait in a queue; before every step the thread lets waiting samples into the running batch, so that no
conversation waits for the slowest other one (`genprm.engines.embedded.batch`).

- Text: as `ModelTokenizer` says; control tokens that messages spell out are text (`genprm.engines.prompts`). A stop
  string ends the text: what the same token held after it is cut.
- Seeds: the same request with the same seed gives the same text whatever else is in flight. The shape of the batch
  changes the last bits of a logit, which could tip a near tie; in float32 the text stays the same even then.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from genprm.engines.base import Completion, EngineDead, EngineError, Sampling
from genprm.engines.embedded.batch import Batch, Decoding
from genprm.engines.embedded.slots import ATTENTION
from genprm.engines.fit import check_engine, room_for_tokens
from genprm.engines.loading import load_network
from genprm.engines.tokenizer import ModelTokenizer
from genprm.event_loops import Places
from genprm.records import Message, Provenance
from genprm.settings import EngineSettings

_PATIENCE = 4
"""Decoding steps for which a waiting sample is held back at most, so that others may join with it."""
_COMPANY = 8
"""Waiting samples join at once when there is at least one of them for so many that are being decoded."""


class _Request:
    """One call of `complete`: gathers its samples. The `answer` is there when all are; a caller that left has
    cancelled it."""

    def __init__(self, n: int) -> None:
        self.answer: Future[list[Completion]] = Future()
        self._completions: dict[int, Completion] = {}
        self._n = n

    def put(self, index: int, completion: Completion) -> None:
        self._completions[index] = completion
        if len(self._completions) == self._n:
            with suppress(InvalidStateError):  # the caller left, or the engine was closed
                self.answer.set_result([self._completions[index] for index in range(self._n)])

    def fail(self, error: EngineError) -> None:
        with suppress(InvalidStateError):  # the caller left, or has its answer
            self.answer.set_exception(error)


class TransformersEngine:
    """A model of transformers behind the `Engine` interface. Works from any number of event loops in turn.

    Raises:
        EngineError: the model or its tokenizer cannot be loaded.
    """

    def __init__(self, model: str, settings: EngineSettings) -> None:
        self.model = model
        self.provenance = Provenance("transformers", importlib.metadata.version("transformers"), "raw")
        self._settings = settings
        self._tokenizer = ModelTokenizer(model, settings.max_context)
        self.context = self._tokenizer.context
        """Tokens that prompt and completion may have together."""
        self._model = _load(model, settings)
        kept = settings.prefix_cache_mb * 2**20
        room = room_for_tokens(self._model, settings)
        self._batch: Batch | None = Batch(self._model, self._tokenizer, settings.max_batch, kept, room)
        self._waiting: deque[Decoding] = deque()
        self._waited = 0
        self._requests: set[_Request] = set()
        self._changed = threading.Condition()
        self._failure: EngineError | None = None
        self._thread: threading.Thread | None = None
        self._places = Places(settings.max_in_flight)

    @property
    def prompt_tokens_seen(self) -> int:
        """Prompt tokens of all requests so far."""
        return 0 if self._batch is None else self._batch.tokens_seen

    @property
    def prefix_tokens_reused(self) -> int:
        """Prompt tokens that were not computed, because an earlier or a simultaneous request had them."""
        return 0 if self._batch is None else self._batch.tokens_reused

    @property
    def tokens_repeated(self) -> int:
        """Tokens of rows that were computed once more, alone, because other rows could have tipped a choice."""
        return 0 if self._batch is None else self._batch.alone.tokens_read

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """Chat messages as prompt text by the model's own template (`genprm.engines.chat`)."""
        return self._tokenizer.render(messages, prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As `Engine.complete`. Cancelling the awaiting task drops its rows from the batch."""
        ids = tuple(self._tokenizer.prompt(prompt))
        async with self._places.here():
            request = _Request(n)
            self._submit(request, ids, sampling, n, min(self.context - len(ids), sampling.max_tokens))
            try:
                return await asyncio.wrap_future(request.answer)
            finally:
                with self._changed:
                    self._requests.discard(request)

    def _submit(self, request: _Request, ids: tuple[int, ...], sampling: Sampling, n: int, limit: int) -> None:
        dropped = request.answer.cancelled
        samples = [Decoding(ids, sampling, i, limit, dropped, partial(request.put, i)) for i in range(n)]
        with self._changed:
            if self._failure is not None:
                raise self._failure
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="genprm-engine", daemon=True)
                self._thread.start()
            self._requests.add(request)
            self._waiting.extend(samples)
            self._changed.notify()

    def _run(self) -> None:
        try:
            if self._model.device.type == "cpu":
                torch.set_num_threads(1)
            with torch.inference_mode():
                while self._failure is None:
                    self._turn()
        except BaseException as error:  # whatever ended the thread, nobody may be left waiting for it
            self._fail(EngineDead(f"model {self.model}: the engine died: {type(error).__name__}: {error}"), error)

    def _turn(self) -> None:
        batch = self._batch
        assert batch is not None
        with self._changed:
            self._waiting.extendleft(batch.displaced)
            batch.displaced.clear()
            if not len(batch):
                self._changed.notify_all()
            while not self._waiting and not len(batch) and self._failure is None:
                self._changed.wait()
            batch.drop()
            joining = self._joining(batch)
        if self._failure is None and joining:
            batch.join(joining)
        if self._failure is None and len(batch):
            batch.step()

    def _joining(self, batch: Batch) -> list[Decoding]:
        """The waiting samples that join now: none while it pays to read more prompts in one pass later."""
        decoding = len(batch)
        self._waited = self._waited + 1 if self._waiting else 0
        if self._waited <= _PATIENCE and len(self._waiting) * _COMPANY < decoding:
            return []
        self._waited = 0
        joining: list[Decoding] = []
        while self._waiting and decoding + len(joining) < self._settings.max_batch:
            sample = self._waiting[0]
            if not sample.dropped():
                if not batch.has_room([*joining, sample]):
                    break
                joining.append(sample)
            self._waiting.popleft()
        return joining

    def _fail(self, error: EngineError, cause: BaseException | None = None) -> None:
        error.__cause__ = cause
        with self._changed:
            self._failure = self._failure or error
            self._waiting.clear()
            requests, self._requests = self._requests, set()
            self._changed.notify()
        for request in requests:
            request.fail(self._failure)

    def take_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Go on with other weights of the same architecture; what was computed with the old ones is forgotten.

        Raises:
            EngineError: the engine is closed, or works on a request.
            RuntimeError: they are not weights of this architecture.
        """
        with self._changed:
            if self._failure is not None:
                raise self._failure
            batch = self._batch
            if batch is None or self._requests:
                raise EngineError(f"model {self.model}: weights change between requests only")
            # Completions are handed back before the keys and values of their rows go to the cache.
            self._changed.wait_for(lambda: not len(batch) or self._failure is not None)
            with torch.no_grad():
                self._model.load_state_dict(weights)
            batch.prefixes.clear()
            batch.alone.blocks.clear()

    async def close(self) -> None:
        """Free the model. Requests in flight fail with EngineError."""
        self._fail(EngineError(f"model {self.model}: the engine is closed"))
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._batch = self._model = None


def _load(model: str, settings: EngineSettings) -> Any:
    check_engine(model, settings)
    cuda = torch.cuda.is_available()
    dtype: Any = {"float32": torch.float32, "bfloat16": torch.bfloat16, "auto": "auto" if cuda else torch.float32}
    network = load_network(AutoModelForCausalLM, model, dtype=dtype[settings.dtype], attn_implementation=ATTENTION)
    return network.to("cuda" if cuda else "cpu").eval()
