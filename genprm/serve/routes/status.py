"""`/v1/models` and `/metrics`."""

from __future__ import annotations

import time
from typing import Literal

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from typing_extensions import TypedDict

from genprm.data_sets.rows import shown
from genprm.serve.errors import Error
from genprm.serve.scorer import Scorer


class Model(TypedDict):
    """A model, as OpenAI describes one."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class Models(TypedDict):
    """All models."""

    object: Literal["list"]
    data: list[Model]


def router(scorer: Scorer) -> APIRouter:
    """The endpoints."""
    routes = APIRouter()
    served: Model = {
        "id": scorer.model.name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "genprm",
    }

    @routes.get("/v1/models")
    async def models() -> Models:
        """The model, as OpenAI lists models."""
        return {"object": "list", "data": [served]}

    @routes.get("/v1/models/{name:path}", responses={404: {"model": Error, "description": "Another model."}})
    async def model(name: str) -> Model:
        """The model, asked for by its name."""
        if name != scorer.model.name:
            raise HTTPException(404, f"model is {shown(name)}, allowed: {scorer.model.name!r}")
        return served

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(scorer.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return routes
