"""How text is generated: one small interface that every backend implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from genprm.records import Message, Provenance


class EngineError(RuntimeError):
    """The engine cannot serve a request (it died, the prompt is too long, the model is missing)."""


class EngineDead(EngineError):  # noqa: N818
    """The engine answers nothing any more: its process ended, or its server does not answer."""


class ContextFull(EngineError):  # noqa: N818
    """The prompt leaves no room in the context: a fact about this conversation, not about the engine."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one request is sampled.

    `top_k = 0` means no limit. Generation ends at the end-of-turn token, at the first of the `stop` strings
    (kept in the text) or after `max_tokens`. `logprobs = k` asks for the k most probable next tokens with their
    log-probabilities, before temperature and truncation (raw), at every generated position.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()
    seed: int = 0
    logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What one request gave.

    `finish_reason` is "stop" for an end-of-turn token or a stop string (then `stop` names the string, None for
    the token) and "length" when `max_tokens` or the context ran out. `top_logprobs[i]` maps token text to raw
    log-probability (nats) at generated position i; empty unless asked for.
    """

    text: str
    tokens: int
    finish_reason: Literal["stop", "length"]
    stop: str | None = None
    prompt_tokens: int = 0
    top_logprobs: Sequence[Mapping[str, float]] = ()


class Engine(Protocol):
    """A model that completes text. Requests in flight are batched; nothing waits for another conversation."""

    @property
    def model(self) -> str:
        """Path or hub id of the weights."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Which engine this is, and how its log-probabilities are to be read; recorded with every reward."""
        ...

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """Chat messages as prompt text by the model's own template.

        The content of messages is data, and so is text that a caller adds to the prompt with `+`: control tokens
        spelled out in either are read as text (`genprm.engines.prompts`).

        With `prefill` the last assistant turn is left open: `prefill` begins a new turn (step forcing, paper 4.2),
        or continues the last message when that is the assistant's. With an empty one the template begins the new
        turn (with its generation prompt, which may open a thought). Without `prefill` the text ends after the last
        message.

        Raises:
            EngineError: there is no chat template, it does not work, or it changes what an assistant said.
        """
        ...

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """`n` completions of `prompt`; sample i is drawn with seed (`sampling.seed`, i).

        In a prompt from `render`, only the template's own control tokens are tokenised as control tokens; in a
        plain string, all that it spells out are.

        Raises:
            ContextFull: the prompt leaves no room in the context.
            EngineDead: the engine answers nothing any more.
            EngineError: the prompt is empty, the engine is closed, or it refuses the request.
        """
        ...

    async def close(self) -> None:
        """Free the model. Requests in flight fail with EngineError."""
        ...
