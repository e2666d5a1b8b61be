"""`/classify`: the reward of a whole solution as vLLM answers for a classifier, which is how verl asks."""

from __future__ import annotations

from fastapi import APIRouter
from typing_extensions import TypedDict

from genprm.serve.requests import judging_routes
from genprm.serve.routes.vllm import ChatRequest, Listed, chats, check_model, listed
from genprm.serve.scorer import Scorer

WRONG, RIGHT = "wrong", "right"


class ClassifyRequest(ChatRequest):
    """verl sends `use_activation` false. The answer is a probability all the same: the model gives nothing else."""

    use_activation: bool | None = None


class Classified(TypedDict):
    """The class of a solution; `probs` are the probabilities of wrong and right."""

    index: int
    label: str
    probs: list[float]
    num_classes: int


class ClassifyAnswer(Listed):
    """The class of each solution."""

    data: list[Classified]


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = judging_routes()

    @routes.post("/classify")
    async def classify(body: ClassifyRequest) -> ClassifyAnswer:
        """vLLM: the probabilities that a solution is wrong and right."""
        check_model(body.model, scorer)
        judged = await scorer.score(chats(body))
        data: list[Classified] = []
        for index, one in enumerate(judged):
            right = one.outcome(f"solution {index}")
            label = RIGHT if right >= scorer.threshold else WRONG
            data.append({"index": index, "label": label, "probs": [1 - right, right], "num_classes": 2})
        return {**listed("classify", scorer, [one.score for one in judged]), "data": data}

    return routes
