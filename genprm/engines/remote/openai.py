"""An engine on another machine: any OpenAI-compatible completion server (`vllm serve`, SGLang, llama.cpp).

- Prompts are sent as tokens, so the server adds none; where it gives tokens back (vLLM does), the text of
  completions is made from them as in every engine, and otherwise the server's text is taken.
- Every sample is a request of its own, with a seed of its own. Whether the same seed gives the same text whatever
  else the server works on depends on the server: with vLLM it does, as far as rounding allows.
- What a server would otherwise fill in from the model's generation settings (repetition penalties, top-k) is sent.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Literal

from genprm.engines.base import Completion, ContextFull, EngineError, Sampling
from genprm.engines.remote.batching import RemoteBatchingEngine
from genprm.engines.remote.http import JsonClient, RefusedError, Retries
from genprm.engines.remote.schema import (
    STOP_REASONS,
    Choice,
    Completions,
    ServedModels,
    ServerVersion,
    Usage,
)
from genprm.engines.tokenizer import ModelTokenizer
from genprm.engines.vocabulary import cut_at_stop
from genprm.records import Provenance
from genprm.settings import EngineSettings

KEY_VARIABLE = "GENPRM_API_KEY"
"""Environment variable with the key that the server asks for, if it does."""

_COMPLETIONS = "/v1/completions"
_CONTEXT_FULL = frozenset({"context_length_exceeded", "exceed_context_size_error"})
"""What OpenAI's interface and llama.cpp call a prompt that leaves no room in the context."""
_LONGEST_TOKEN = 1024
"""Characters that a token has at most; the longest token of any vocabulary has fewer."""
_PROBES = (1.0, 2.0)
"""Temperatures under which raw log-probabilities are the same and processed ones are not; servers allow up to 2."""
_HOTTEST = 2.0
"""The highest temperature that servers of this interface take; it is part of its definition."""
_DIFFERENT = 0.05
"""Nats: log-probabilities of one token that differ by more under the two temperatures are processed, and not just
rounded."""


class OpenAIEngine(RemoteBatchingEngine):
    """A model behind a completion server; cancelling a request closes its connection.

    `names` are those under which the server may serve the model when `settings.served_model` is empty, the
    preferred one first. `retries` says how often a request to a failing server is tried; by default
    `settings.attempts` times. The context of a shared `tokenizer` becomes the shortest of its servers.

    Raises:
        EngineError: no address, no server there, or one that does not serve the model.
    """

    def __init__(
        self,
        model: str,
        settings: EngineSettings,
        names: Sequence[str] = (),
        retries: Retries | None = None,
        tokenizer: ModelTokenizer | None = None,
    ) -> None:
        if not settings.url:
            raise EngineError("engine.url and engine.servers are empty; backend openai needs an address")
        super().__init__("openai", model, settings, tokenizer)
        self.address = settings.url.rstrip("/").removesuffix("/v1")
        self._client = JsonClient(
            self.address,
            settings.request_seconds,
            retries or Retries(settings.attempts),
            os.environ.get(KEY_VARIABLE),
        )
        self._served = settings.served_model or ""
        self._calls.start(self._greet(list(dict.fromkeys([*names, model]))))

    async def _greet(self, names: list[str]) -> None:
        """Check that the server serves the model; find out its context, version and kind of log-probabilities."""
        try:
            served = await self._client.ask("/v1/models", ServedModels)
            models = {model.id: model for model in served.data}
            wanted = [self._served] if self._served else names
            self._served = next((name for name in wanted if name in models), "")
            if not self._served:
                raise EngineError(
                    f"{self.address} does not serve {' or '.join(map(repr, wanted))}; it serves "
                    f"{', '.join(map(repr, models)) or 'nothing'} (engine.served_model chooses one)"
                )
            entry = models[self._served]
            if entry.max_model_len is not None:
                self._tokenizer.context = min(self._tokenizer.context, entry.max_model_len)
            version = f"{entry.owned_by or 'unknown'} {await self._version()}".strip()
            self.provenance = Provenance("openai", version, await self._kind_of_logprobs())
        except BaseException:
            await self._client.close()
            raise

    async def _version(self) -> str:
        try:
            return (await self._client.ask("/version", ServerVersion)).version
        except RefusedError:  # not every server has such a page
            return ""

    async def _kind_of_logprobs(self) -> Literal["raw", "processed", "none"]:
        """Ask for the same token twice: only processed log-probabilities change with the temperature."""
        ids = self._tokenizer.prompt("1")
        tops: list[Mapping[str, float]] = []
        for temperature in _PROBES:
            probe = Sampling(max_tokens=1, temperature=temperature, logprobs=5)
            answer = await self._ask(ids, probe, seed=0)
            logprobs = self._top_logprobs(answer.choices[0], probe)
            if not logprobs:
                return "none"
            tops.append(logprobs[0])
        first, second = tops
        moved = max((abs(first[token] - second[token]) for token in first.keys() & second.keys()), default=math.inf)
        return "processed" if moved > _DIFFERENT else "raw"

    async def _ask(self, ids: list[int], sampling: Sampling, seed: int) -> Completions:
        most = min(sampling.max_tokens, self._tokenizer.context - len(ids))
        body = {
            "model": self._served,
            "prompt": ids,
            "max_tokens": most,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": seed,
            "stop": list(sampling.stop),
            "stop_token_ids": sorted(self._tokenizer.ends),
            "include_stop_str_in_output": True,
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
            "return_token_ids": True,
        }
        if sampling.logprobs:
            body |= {"logprobs": sampling.logprobs, "return_tokens_as_token_ids": True}
        try:
            return await self._client.ask(_COMPLETIONS, Completions, body)
        except RefusedError as error:
            if error.words & _CONTEXT_FULL:
                raise ContextFull(str(error)) from error
            raise

    async def _sample(self, ids: list[int], sampling: Sampling, seed: int) -> Completion:
        if sampling.temperature > _HOTTEST:
            raise EngineError(
                f"sampling.temperature is {sampling.temperature:g}, allowed with backend openai: 0 to {_HOTTEST:g}"
            )
        answer = await self._ask(ids, sampling, seed)
        self._refuse_excess(answer, sampling.max_tokens)
        choice, usage = answer.choices[0], answer.usage or Usage()
        self._count(len(ids), usage.cached_tokens)
        tops = self._top_logprobs(choice, sampling)
        if sampling.logprobs and not tops:
            raise EngineError(f"{self.address}: the server gives no log-probabilities (top_logprobs)")
        if choice.token_ids is None:
            return _from_text(choice, usage, sampling, len(ids), tops)
        return self._tokenizer.completion(choice.token_ids, sampling, len(ids), tops)

    def _refuse_excess(self, answer: Completions, most: int) -> None:
        tokens, characters = answer.longest(), len(answer.choices[0].text or "")
        if tokens > most or characters > _LONGEST_TOKEN * most:
            raise EngineError(
                f"{self.address}{_COMPLETIONS}: a completion of {tokens} tokens and {characters} characters, "
                f"allowed: the {most} tokens asked for"
            )

    async def _shut_down(self) -> None:
        await self._client.close()

    def _top_logprobs(self, choice: Choice, sampling: Sampling) -> list[Mapping[str, float]]:
        """Token text to nats for each generated position, however the server names tokens."""
        return [self._texts(position, sampling.logprobs) for position in choice.positions()]

    def _texts(self, position: Mapping[int | str, float], most: int) -> Mapping[str, float]:
        by_id = {token: value for token, value in position.items() if isinstance(token, int)}
        if by_id:
            return self._tokenizer.top_texts(by_id, most)
        ranked = sorted(position.items(), key=lambda item: -item[1])[:most]
        return {str(token): value for token, value in ranked}


def _from_text(
    choice: Choice,
    usage: Usage,
    sampling: Sampling,
    prompt_tokens: int,
    top_logprobs: Sequence[Mapping[str, float]],
) -> Completion:
    """Make a completion from a server that gives only text: the stop string is in the text or named beside it.

    Raises:
        EngineError: the server says neither which stop string ended the text nor that none did.
    """
    text, stop = cut_at_stop(choice.text or "", sampling.stop)
    ended = choice.finish_reason != "length"
    if stop is None and ended and sampling.stop:
        said = choice.said_stop()
        if not said:
            raise EngineError(
                f"the server does not say which stop string ended a completion ({' or '.join(STOP_REASONS)})"
            )
        if isinstance(said[0], str) and said[0] in sampling.stop:
            text, stop = text + said[0], said[0]
    return Completion(
        text=text,
        tokens=len(top_logprobs) if usage.completion_tokens is None else usage.completion_tokens,
        finish_reason="stop" if ended or stop is not None else "length",
        stop=stop,
        prompt_tokens=prompt_tokens,
        top_logprobs=tuple(top_logprobs),
    )
