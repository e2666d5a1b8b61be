"""`/reward`: slime's remote reward model (`--rm-type remote_rm`)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from genprm.serve.scorer import Scorer
from genprm.serve.solutions import last_request, written


class SampleRequest(BaseModel):
    """One sample."""

    prompt: str | list[dict[str, Any]]
    response: str
    label: Any = None


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = APIRouter()

    @routes.post("/reward")
    async def reward(body: SampleRequest) -> float:
        """slime: the reward of one sample, a bare number."""
        problem = body.prompt if isinstance(body.prompt, str) else last_request(body.prompt, "prompt")
        (one,) = await scorer.score([written(problem, body.response, "response")])
        return one.outcome("response")

    return routes
