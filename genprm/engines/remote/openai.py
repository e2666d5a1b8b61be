"""An engine on another machine: any server of OpenAI-compatible completions (`vllm serve`, SGLang, llama.cpp).

- Prompts are sent as tokens, so the server adds none; where it gives tokens back (vLLM does), the text of
  completions is made from them as in every engine, and otherwise the server's text is taken.
- Every sample is a request of its own, with a seed of its own. Whether the same seed gives the same text whatever
  else the server works on is the server's affair: vLLM holds to it as far as rounding allows.
- What a server would otherwise fill in from the model's generation settings (repetition penalties, top-k) is sent.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from genprm.engines.base import Completion, ContextFull, EngineError, Sampling
from genprm.engines.remote.batching import RemoteBatchingEngine
from genprm.engines.remote.http import JsonClient, RefusedError, Retries
from genprm.engines.vocabulary import first_stop
from genprm.records import Provenance
from genprm.settings import EngineSettings

KEY_VARIABLE = "GENPRM_API_KEY"
"""Environment variable with the key that the server asks for, if it does."""

_TOKEN = "token_id:"
"""What vLLM writes before the id of a token where it was asked for ids."""
_STOP_REASONS = ("stop_reason", "matched_stop")
"""Where vLLM and SGLang say which stop string ended a completion; None or a token id for an end token."""
_PROBES = (1.0, 2.0)
"""Temperatures under which raw log-probabilities are the same and processed ones are not; servers allow up to 2."""
_HOTTEST = 2.0
"""The highest temperature that servers of this interface take; it is part of its definition."""
_DIFFERENT = 0.05
"""Nats by which the log-probabilities of one token differ when they are processed, and more than rounding does."""


class OpenAIEngine(RemoteBatchingEngine):
    """A model behind a server of completions; cancelling a request closes its connection.

    `names` are those under which the server may serve the model when `settings.served_model` is empty, the
    preferred one first. `retries` says what is done about a server in trouble; by default `settings.attempts`.

    Raises:
        EngineError: no address, no server there, or one that does not serve the model.
    """

    def __init__(
        self, model: str, settings: EngineSettings, names: Sequence[str] = (), retries: Retries | None = None
    ) -> None:
        if not settings.url:
            raise EngineError("engine.url is empty; backend openai needs the address of a completions server")
        super().__init__("openai", model, settings)
        self._root = settings.url.rstrip("/").removesuffix("/v1")
        self._client = JsonClient(
            self._root,
            settings.request_seconds,
            retries or Retries(settings.attempts),
            os.environ.get(KEY_VARIABLE),
        )
        self._served = settings.served_model or ""
        self._provenance = Provenance("openai", "", "")
        self._calls.start(self._greet(list(dict.fromkeys([*names, model]))))

    @property
    def provenance(self) -> Provenance:
        """The server's own name and version; the kind of its log-probabilities was measured when it was opened."""
        return self._provenance

    async def _greet(self, names: list[str]) -> None:
        """See that the server serves the model, what it is, and how it gives log-probabilities."""
        try:
            models = _listed(self._root, await self._client.ask("/v1/models"))
            wanted = [self._served] if self._served else names
            self._served = next((name for name in wanted if name in models), "")
            if not self._served:
                raise EngineError(
                    f"{self._root} does not serve {' or '.join(map(repr, wanted))}; it serves "
                    f"{', '.join(map(repr, models)) or 'nothing'} (engine.served_model chooses one)"
                )
            entry = models[self._served]
            limit = entry.get("max_model_len")
            if isinstance(limit, int):
                self._tokenizer.context = min(self._tokenizer.context, limit)
            version = f"{entry.get('owned_by', 'unknown')} {await self._version()}".strip()
            self._provenance = Provenance("openai", version, await self._kind_of_logprobs())
        except BaseException:
            await self._client.close()
            raise

    async def _version(self) -> str:
        try:
            answer = await self._client.ask("/version")
        except RefusedError:  # not every server has such a page
            return ""
        return str(answer.get("version", "")) if isinstance(answer, dict) else ""

    async def _kind_of_logprobs(self) -> Literal["raw", "processed", "none"]:
        """Ask for the same token twice: only processed log-probabilities change with the temperature."""
        ids = self._tokenizer.prompt("1")
        tops: list[Mapping[str, float]] = []
        for temperature in _PROBES:
            probe = Sampling(max_tokens=1, temperature=temperature, logprobs=5)
            answer = await self._asked(ids, probe, seed=0)
            logprobs = self._top_logprobs(answer["choices"][0], probe)
            if not logprobs:
                return "none"
            tops.append(logprobs[0])
        first, second = tops
        moved = max((abs(first[token] - second[token]) for token in first.keys() & second.keys()), default=math.inf)
        return "processed" if moved > _DIFFERENT else "raw"

    async def _asked(self, ids: list[int], sampling: Sampling, seed: int) -> Mapping[str, Any]:
        body = {
            "model": self._served,
            "prompt": ids,
            "max_tokens": min(sampling.max_tokens, self._tokenizer.context - len(ids)),
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
            answer = await self._client.ask("/v1/completions", body)
        except RefusedError as error:
            if "context" in error.kind:
                raise ContextFull(str(error)) from error
            raise
        if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list) or not answer["choices"]:
            raise EngineError(f"{self._root}/v1/completions: the answer holds no completion: {answer!r:.300}")
        return answer

    async def _sample(self, ids: list[int], sampling: Sampling, seed: int) -> Completion:
        if sampling.temperature > _HOTTEST:
            raise EngineError(
                f"sampling.temperature is {sampling.temperature:g}, allowed with backend openai: 0 to {_HOTTEST:g}"
            )
        answer = await self._asked(ids, sampling, seed)
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        self._count(len(ids), (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
        tops = self._top_logprobs(choice, sampling)
        if sampling.logprobs and not tops:
            raise EngineError(f"{self._root}: the server gives no log-probabilities (top_logprobs)")
        if choice.get("token_ids") is None:
            return _from_text(choice, usage, sampling, len(ids), tops)
        return self._tokenizer.completion(choice["token_ids"], sampling, len(ids), tops)

    async def _shut_down(self) -> None:
        await self._client.close()

    def _top_logprobs(self, choice: Mapping[str, Any], sampling: Sampling) -> list[Mapping[str, float]]:
        """Per generated position token text to nats, however the server names tokens."""
        return [self._texts(position, sampling.logprobs) for position in _positions(choice)]

    def _texts(self, position: Mapping[int | str, float], most: int) -> Mapping[str, float]:
        by_id = {token: value for token, value in position.items() if isinstance(token, int)}
        if by_id:
            return self._tokenizer.top_texts(by_id, most)
        ranked = sorted(position.items(), key=lambda item: -item[1])[:most]
        return {str(token): value for token, value in ranked}


def _positions(choice: Mapping[str, Any]) -> list[dict[int | str, float]]:
    """Nats by token at each generated position; a token is an id, or its text where the server gives no ids.

    Completions have `top_logprobs` (vLLM writes ids when asked to); llama.cpp writes as for chats (`content`).
    """
    logprobs = choice.get("logprobs") or {}
    if logprobs.get("content"):
        tops = [position["top_logprobs"] for position in logprobs["content"]]
        return [{entry.get("id", entry["token"]): entry["logprob"] for entry in top} for top in tops]
    return [
        {
            int(token.removeprefix(_TOKEN)) if token.startswith(_TOKEN) else token: value
            for token, value in top.items()
        }
        for top in logprobs.get("top_logprobs") or ()
    ]


def _listed(root: str, answer: Any) -> dict[str, Mapping[str, Any]]:
    """The models that a server serves, by name, as it describes them."""
    try:
        return {entry["id"]: entry for entry in answer["data"]}
    except (KeyError, TypeError):
        raise EngineError(f"{root}/v1/models: not a list of models: {answer!r:.300}") from None


def _from_text(
    choice: Mapping[str, Any],
    usage: Mapping[str, Any],
    sampling: Sampling,
    prompt_tokens: int,
    top_logprobs: Sequence[Mapping[str, float]],
) -> Completion:
    """A completion of a server that gives text alone: its stop string is in the text or named beside it.

    Raises:
        EngineError: the server says neither which stop string ended the text nor that none did.
    """
    text = choice.get("text") or ""
    ended = choice.get("finish_reason") != "length"
    found = first_stop(text, sampling.stop)
    if found is not None:
        text = text[: found[1]]
    elif ended and sampling.stop:
        said = [choice[key] for key in _STOP_REASONS if key in choice]
        if not said:
            raise EngineError(
                f"the server does not say which stop string ended a completion ({' or '.join(_STOP_REASONS)})"
            )
        if said[0] in sampling.stop:
            text, found = text + said[0], (said[0], len(text) + len(said[0]))
    return Completion(
        text=text,
        tokens=usage.get("completion_tokens", len(top_logprobs)),
        finish_reason="stop" if ended or found is not None else "length",
        stop=found[0] if found is not None else None,
        prompt_tokens=prompt_tokens,
        top_logprobs=tuple(top_logprobs),
    )
