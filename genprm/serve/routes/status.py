"""`/v1/models` and `/metrics`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from genprm.serve.scorer import Scorer


def router(scorer: Scorer) -> APIRouter:
    """The endpoints."""
    routes = APIRouter()

    @routes.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The model, as OpenAI lists models."""
        return {"object": "list", "data": [{"id": scorer.model.name, "object": "model", "owned_by": "genprm"}]}

    @routes.get("/metrics")
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(scorer.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return routes
