"""`/score` and `/rerank`: solutions of a problem as vLLM, Jina and Cohere score documents for a query."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, Field

from genprm.data_sets.rows import InputError
from genprm.serve.routes.vllm import check_model, listed, usage
from genprm.serve.scorer import Judged, Scorer
from genprm.serve.solutions import written


class ScoreRequest(BaseModel):
    """Problems and solutions: one problem for all solutions, or one for each."""

    model: str | None = None
    queries: str | list[str] = Field(validation_alias=AliasChoices("queries", "text_1", "data_1"))
    documents: str | list[str] = Field(validation_alias=AliasChoices("documents", "items", "text_2", "data_2"))


class Document(BaseModel):
    """A solution."""

    text: str


class RerankRequest(BaseModel):
    """A problem, and solutions to be ranked."""

    model: str | None = None
    query: str
    documents: list[str | Document]
    top_n: Annotated[int, Field(ge=0)] = 0
    """How many are returned; all when 0."""
    return_documents: bool = True


def router(scorer: Scorer) -> APIRouter:
    """The endpoints."""
    routes = APIRouter()

    @routes.post("/score")
    async def score(body: ScoreRequest) -> dict[str, Any]:
        """vLLM: the reward of each solution (document) of its problem (query)."""
        check_model(body.model, scorer)
        solutions = [body.documents] if isinstance(body.documents, str) else body.documents
        problems = [body.queries] if isinstance(body.queries, str) else body.queries
        problems = problems * len(solutions) if len(problems) == 1 else problems
        judged = await _judge(scorer, problems, solutions)
        data = [
            {"index": index, "object": "score", "score": one.outcome(f"documents[{index}]")}
            for index, one in enumerate(judged)
        ]
        return listed("score", data, scorer, [one.score for one in judged])

    @routes.post("/rerank")
    @routes.post("/v1/rerank")
    @routes.post("/v2/rerank")
    async def rerank(body: RerankRequest) -> dict[str, Any]:
        """Jina and Cohere: the solutions (documents) of a problem (query), the best first."""
        check_model(body.model, scorer)
        texts = [one if isinstance(one, str) else one.text for one in body.documents]
        judged = await _judge(scorer, [body.query] * len(texts), texts)
        rewards = [one.outcome(f"documents[{index}]") for index, one in enumerate(judged)]
        ranked = sorted(range(len(texts)), key=lambda index: -rewards[index])
        results = [
            {
                "index": index,
                **({"document": {"text": texts[index]}} if body.return_documents else {}),
                "relevance_score": rewards[index],
            }
            for index in ranked[: body.top_n or None]
        ]
        return {
            "id": f"rerank-{uuid.uuid4().hex}",
            "model": scorer.model.name,
            "results": results,
            "usage": usage([one.score for one in judged]),
        }

    return routes


async def _judge(scorer: Scorer, problems: Sequence[str], solutions: Sequence[str]) -> list[Judged]:
    if len(problems) != len(solutions):
        raise InputError(f"{len(problems)} queries and {len(solutions)} documents, allowed: one query, or alike")
    pairs = zip(problems, solutions, strict=True)
    return await scorer.score(
        [written(problem, solution, f"documents[{index}]") for index, (problem, solution) in enumerate(pairs)]
    )
