"""`/reward`: slime's remote reward model (`--rm-type remote_rm`)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from genprm.data_sets.chats import asked
from genprm.serve.requests import judging_routes
from genprm.serve.scorer import Scorer
from genprm.serve.solutions import ChatMessage, written


class SampleRequest(BaseModel):
    """One sample."""

    prompt: str | list[ChatMessage]
    response: str
    label: Any = None


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = judging_routes()

    @routes.post("/reward")
    async def reward(body: SampleRequest) -> float:
        """slime: the reward of one sample, a bare number."""
        (one,) = await scorer.score([written(asked(body.prompt, "prompt"), body.response, "response")])
        return one.outcome("response")

    return routes
