"""`/pooling`: the rewards of steps as vLLM answers for process reward models."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from typing_extensions import TypedDict

from genprm.serve.requests import judging_routes
from genprm.serve.routes.vllm import ChatRequest, Listed, chats, check_model, listed
from genprm.serve.scorer import Scorer


class PoolingRequest(ChatRequest):
    """`task` is the only one that vLLM's process reward models know."""

    task: Literal["token_classify"] | None = None


class Pooled(TypedDict):
    """A row `[1 - reward, reward]` for each step of a solution."""

    index: int
    object: str
    data: list[list[float]]


class PoolingAnswer(Listed):
    """The rows of each solution."""

    data: list[Pooled]


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = judging_routes()

    @routes.post("/pooling")
    async def pooling(body: PoolingRequest) -> PoolingAnswer:
        """vLLM: a row `[1 - reward, reward]` for each step."""
        check_model(body.model, scorer)
        judged = await scorer.score(chats(body))
        data: list[Pooled] = [
            {
                "index": index,
                "object": "pooling",
                "data": [[1 - reward, reward] for reward in one.step_rewards(f"solution {index}")],
            }
            for index, one in enumerate(judged)
        ]
        return {**listed("pool", scorer, [one.score for one in judged]), "data": data}

    return routes
