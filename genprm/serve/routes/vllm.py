"""What vLLM's requests and answers for pooling models have in common (`docs/models/pooling_models`)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from pydantic import BaseModel
from typing_extensions import TypedDict

from genprm.data_sets.rows import InputError, shown
from genprm.data_sets.written_solutions import WrittenSolution
from genprm.reward_models.base import SolutionScore
from genprm.serve.scorer import Scorer
from genprm.serve.solutions import ChatMessage, of_messages, of_template


class ChatRequest(BaseModel):
    """One chat as `messages`, or chats as texts of a chat template in `input`; the last answer is the solution."""

    model: str | None = None
    input: str | list[str] | None = None
    messages: list[ChatMessage] | None = None


class Usage(TypedDict):
    """Tokens read and generated."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Listed(TypedDict):
    """The fields around a list of answers."""

    id: str
    object: str
    created: int
    model: str
    usage: Usage


def chats(body: ChatRequest) -> list[WrittenSolution]:
    """The solutions of a request.

    Raises:
        InputError: both or neither of `input` and `messages`, or what they hold is no solution.
    """
    if (body.input is None) == (body.messages is None):
        raise InputError("fields 'input' and 'messages', allowed: one of them")
    if body.messages is not None:
        return [of_messages(body.messages, "request")]
    texts = [body.input] if isinstance(body.input, str) else body.input or []
    return [of_template(text, f"input[{index}]") for index, text in enumerate(texts)]


def check_model(name: str | None, scorer: Scorer) -> None:
    """Refuse a request that is meant for another model.

    Raises:
        InputError: the request names another model.
    """
    if name is not None and name != scorer.model.name:
        raise InputError(f"model is {shown(name)}, allowed: {scorer.model.name!r}, or none")


def listed(kind: str, scorer: Scorer, scores: Sequence[SolutionScore]) -> Listed:
    """The fields around the answers to a request."""
    return {
        "id": f"{kind}-{uuid.uuid4().hex}",
        "object": "list",
        "created": int(time.time()),
        "model": scorer.model.name,
        "usage": usage(scores),
    }


def usage(scores: Sequence[SolutionScore]) -> Usage:
    """Tokens read and generated."""
    read, generated = sum(score.prompt_tokens for score in scores), sum(score.tokens for score in scores)
    return {"prompt_tokens": read, "completion_tokens": generated, "total_tokens": read + generated}
