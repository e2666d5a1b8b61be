"""An engine that plays a script: deterministic, without a model."""

from __future__ import annotations

import asyncio
import importlib.metadata
import math
import re
from collections.abc import Callable, Mapping, Sequence

from genprm.engines.base import Completion, ContextFull, EngineError, Sampling
from genprm.records import Message, Provenance

_TOKEN = re.compile(r"\w+|\s|[^\w\s]")


def count_tokens(text: str) -> int:
    """A word, a space and a sign are one token each.

    >>> count_tokens("two words!")
    4
    """
    return len(_TOKEN.findall(text))


class ScriptedEngine:
    """Replies with `reply(prompt)`, cut at stop strings and `max_tokens` as a model would be.

    `top_logprobs(prompt)` are the log-probabilities at the first generated position; without it the first token
    of the reply has probability 0.9. `requests` records every prompt with its sampling, in order.
    """

    def __init__(
        self,
        reply: Callable[[str], str],
        top_logprobs: Callable[[str], Mapping[str, float]] | None = None,
        max_context: int | None = None,
        model: str = "scripted",
    ) -> None:
        self.requests: list[tuple[str, Sampling]] = []
        self._reply = reply
        self._top_logprobs = top_logprobs
        self._max_context = max_context
        self._model = model
        self._closed = False

    @property
    def model(self) -> str:
        """The name given."""
        return self._model

    @property
    def provenance(self) -> Provenance:
        """A script; its log-probabilities are what the script says."""
        return Provenance("scripted", importlib.metadata.version("genprm"), "raw")

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """Each message as `<|role|>`, content, `<|end|>`, a line each; an open assistant turn for `prefill`."""
        text = "".join(f"<|{message.role}|>\n{message.content}<|end|>\n" for message in messages)
        return text if prefill is None else f"{text}<|assistant|>\n{prefill}"

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """`n` times the scripted reply.

        Raises:
            ContextFull: the prompt has `max_context` tokens or more.
            EngineError: the engine is closed.
        """
        if self._closed:
            raise EngineError("the scripted engine is closed")
        prompt_tokens = count_tokens(prompt)
        if self._max_context is not None and prompt_tokens >= self._max_context:
            raise ContextFull(f"the prompt has {prompt_tokens} tokens, the context {self._max_context}")
        self.requests.append((prompt, sampling))
        await asyncio.sleep(0)
        return [self._completion(prompt, prompt_tokens, sampling) for _ in range(n)]

    async def close(self) -> None:
        """Refuse further requests."""
        self._closed = True

    def _completion(self, prompt: str, prompt_tokens: int, sampling: Sampling) -> Completion:
        text, stop = _until_stop(self._reply(prompt), sampling.stop)
        pieces = _TOKEN.findall(text)
        length = len(pieces) > sampling.max_tokens
        if length:
            pieces, stop = pieces[: sampling.max_tokens], None
        tops: list[Mapping[str, float]] = []
        if sampling.logprobs:
            tops = [{piece: math.log(0.9), "": math.log(0.1)} for piece in pieces]
            if self._top_logprobs is not None:
                tops[:1] = [self._top_logprobs(prompt)]
        return Completion(
            text="".join(pieces),
            tokens=len(pieces),
            finish_reason="length" if length else "stop",
            stop=stop,
            prompt_tokens=prompt_tokens,
            top_logprobs=tops,
        )


def _until_stop(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    ends = [(text.find(stop) + len(stop), stop) for stop in stops if stop in text]
    if not ends:
        return text, None
    end, stop = min(ends)
    return text[:end], stop
