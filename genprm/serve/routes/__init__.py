"""The endpoints, one module for each protocol: a `router(scorer)` with its requests and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from genprm.serve.routes import classify, nemo_gym, openrlhf, pooling, rerank, score, slime, status
from genprm.serve.scorer import Scorer

ROUTERS: Sequence[Callable[[Scorer], APIRouter]] = (
    score.router,
    openrlhf.router,
    slime.router,
    pooling.router,
    classify.router,
    rerank.router,
    nemo_gym.router,
    status.router,
)
"""All endpoints but `/health`, which requires no key."""
