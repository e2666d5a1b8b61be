"""The answers that a completion server may give: each answer is checked once, against one of these models.

Fields that are not listed are ignored, and null is the same as nothing.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TOKEN = "token_id:"
"""What vLLM writes before the id of a token where it was asked for ids."""

STOP_REASONS = ("stop_reason", "matched_stop")
"""Where vLLM and SGLang say which stop string ended a completion; None or a token id for an end token."""
_ROUNDING = 1e-4
"""Nats by which the log-probability of a sure token may come out above 0."""

LogProbability = Annotated[float, Field(le=_ROUNDING, allow_inf_nan=False)]
TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=0)]


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True)


class ServedModel(_Answer):
    """A model that the server serves, as it describes it."""

    id: str
    owned_by: str | None = None
    max_model_len: Annotated[int, Field(ge=1)] | None = None


class ServedModels(_Answer):
    """The answer to /v1/models."""

    data: list[ServedModel]


class ServerVersion(_Answer):
    """The answer to /version."""

    version: str = ""


class CachedTokens(_Answer):
    """How many tokens of the prompt were not computed again."""

    cached_tokens: Count | None = None


class Usage(_Answer):
    """What the server counted."""

    completion_tokens: Count | None = None
    prompt_tokens_details: CachedTokens | None = None

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that were not computed again; 0 where the server does not say."""
        return (self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens) or 0


class RankedToken(_Answer):
    """One of the most probable tokens at a position, as llama.cpp writes it."""

    token: str
    logprob: LogProbability
    id: TokenId | None = None


class Position(_Answer):
    """The most probable tokens at one position, in the format of chat completions."""

    top_logprobs: list[RankedToken]


class LogProbabilities(_Answer):
    """Log-probabilities per generated position (nats), in one of two formats."""

    top_logprobs: list[dict[str, LogProbability] | None] | None = None
    content: list[Position] | None = None

    def positions(self) -> list[dict[int | str, float]]:
        """Nats by token at each position; a token is an id, or its text where the server gives no ids.

        Completions have `top_logprobs` (vLLM writes ids when asked to); llama.cpp writes as for chats (`content`).
        """
        if self.content:
            tops = [position.top_logprobs for position in self.content]
            return [{one.token if one.id is None else one.id: one.logprob for one in top} for top in tops]
        return [
            {_token(name): value for name, value in top.items()}
            for top in self.top_logprobs or ()
            if top is not None
        ]


def _token(name: str) -> int | str:
    number = name.removeprefix(TOKEN)
    return int(number) if number != name and number.isascii() and number.isdigit() and len(number) < 12 else name


class Choice(_Answer):
    """One completion. `stop_reason` (vLLM) and `matched_stop` (SGLang) name the stop string that ended it."""

    text: str | None = None
    token_ids: list[TokenId] | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    matched_stop: str | int | None = None
    logprobs: LogProbabilities | None = None

    def positions(self) -> list[dict[int | str, float]]:
        """`LogProbabilities.positions`; empty where there are none."""
        return self.logprobs.positions() if self.logprobs else []

    def said_stop(self) -> list[str | int | None]:
        """What the server says about the stop string: empty where it says nothing, None or a token id for none."""
        return [getattr(self, name) for name in STOP_REASONS if name in self.model_fields_set]


class Completions(_Answer):
    """The answer to /v1/completions."""

    choices: Annotated[list[Choice], Field(min_length=1)]
    usage: Usage | None = None

    def longest(self) -> int:
        """The length of the first completion in tokens: the largest of all counts that the answer gives of them."""
        choice = self.choices[0]
        counted = (self.usage and self.usage.completion_tokens) or 0
        return max(counted, len(choice.token_ids or ()), len(choice.positions()))
