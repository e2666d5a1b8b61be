"""`/classify`: the reward of a whole solution as vLLM gives that of a classifier; verl asks so."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from genprm.serve.routes.vllm import ChatRequest, chats, check_model, listed
from genprm.serve.scorer import Scorer

WRONG, RIGHT = "wrong", "right"


class ClassifyRequest(ChatRequest):
    """verl sends `use_activation` false. The answer is a probability all the same: the model gives nothing else."""

    use_activation: bool | None = None


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = APIRouter()

    @routes.post("/classify")
    async def classify(body: ClassifyRequest) -> dict[str, Any]:
        """vLLM: the probabilities that a solution is wrong and right."""
        check_model(body.model, scorer)
        judged = await scorer.score(chats(body))
        data = []
        for index, one in enumerate(judged):
            right = one.outcome(f"solution {index}")
            label = RIGHT if right >= scorer.threshold else WRONG
            data.append({"index": index, "label": label, "probs": [1 - right, right], "num_classes": 2})
        return listed("classify", data, scorer, [one.score for one in judged])

    return routes
