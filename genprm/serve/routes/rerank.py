"""`/score` and `/rerank`: solutions of a problem as vLLM, Jina and Cohere score documents for a query."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, NotRequired

from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, Field
from typing_extensions import TypedDict

from genprm.data_sets.rows import InputError
from genprm.serve.requests import judging_routes
from genprm.serve.routes.vllm import Listed, Usage, check_model, listed, usage
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
    top_n: Annotated[int, Field(ge=0)] | None = None
    """How many are returned; all when 0 or null."""
    return_documents: bool | None = None
    """Whether the answer repeats the solutions, as it does by default."""


class Scored(TypedDict):
    """The reward of a solution."""

    index: int
    object: str
    score: float


class ScoreAnswer(Listed):
    """The reward of each solution."""

    data: list[Scored]


class Ranked(TypedDict):
    """A solution with its reward; `index` is its place in the request."""

    index: int
    document: NotRequired[Document]
    relevance_score: float


class RerankAnswer(TypedDict):
    """The solutions, the best first."""

    id: str
    model: str
    results: list[Ranked]
    usage: Usage


def router(scorer: Scorer) -> APIRouter:
    """The endpoints."""
    routes = judging_routes()

    @routes.post("/score")
    async def score(body: ScoreRequest) -> ScoreAnswer:
        """vLLM: the reward of each solution (document) for its problem (query)."""
        check_model(body.model, scorer)
        solutions = [body.documents] if isinstance(body.documents, str) else body.documents
        problems = [body.queries] if isinstance(body.queries, str) else body.queries
        problems = problems * len(solutions) if len(problems) == 1 else problems
        judged = await _judge(scorer, problems, solutions)
        data: list[Scored] = [
            {"index": index, "object": "score", "score": one.outcome(f"documents[{index}]")}
            for index, one in enumerate(judged)
        ]
        return {**listed("score", scorer, [one.score for one in judged]), "data": data}

    @routes.post("/rerank")
    @routes.post("/v1/rerank")
    @routes.post("/v2/rerank")
    async def rerank(body: RerankRequest) -> RerankAnswer:
        """Jina and Cohere: the solutions (documents) for a problem (query), the best first."""
        check_model(body.model, scorer)
        texts = [one if isinstance(one, str) else one.text for one in body.documents]
        judged = await _judge(scorer, [body.query] * len(texts), texts)
        rewards = [one.outcome(f"documents[{index}]") for index, one in enumerate(judged)]
        ranked = sorted(range(len(texts)), key=lambda index: -rewards[index])
        results: list[Ranked] = [
            {"index": index, "relevance_score": rewards[index]}
            if body.return_documents is False
            else {"index": index, "document": Document(text=texts[index]), "relevance_score": rewards[index]}
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
