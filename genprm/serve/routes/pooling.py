"""`/pooling`: the rewards of steps as vLLM gives those of process reward models."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter

from genprm.serve.routes.vllm import ChatRequest, chats, check_model, listed
from genprm.serve.scorer import Scorer


class PoolingRequest(ChatRequest):
    """`task` is the one that vLLM's process reward models know."""

    task: Literal["token_classify"] | None = None


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = APIRouter()

    @routes.post("/pooling")
    async def pooling(body: PoolingRequest) -> dict[str, Any]:
        """vLLM: a row `[1 - reward, reward]` for each step."""
        check_model(body.model, scorer)
        judged = await scorer.score(chats(body))
        data = [
            {
                "index": index,
                "object": "pooling",
                "data": [[1 - reward, reward] for reward in one.step_rewards(f"solution {index}")],
            }
            for index, one in enumerate(judged)
        ]
        return listed("pool", data, scorer, [one.score for one in judged])

    return routes
