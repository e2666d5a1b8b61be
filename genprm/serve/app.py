"""The reward server: one reward model behind the endpoints of `genprm.serve.routes`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from genprm.serve.errors import KEY_ERRORS, answer_errors
from genprm.serve.metrics import CountedAnswers
from genprm.serve.requests import BoundedBodies
from genprm.serve.routes import ROUTERS
from genprm.serve.scorer import Scorer

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

BEARER = HTTPBearer(auto_error=False)


def create_app(scorer: Scorer, api_key: str | None = None, lifespan: Lifespan | None = None) -> FastAPI:
    """The server. With an `api_key`, all endpoints but `/health` and the OpenAPI page ask for it as a bearer
    token."""
    app = FastAPI(title="GenPRM reward server", lifespan=lifespan)
    guards = [] if api_key is None else [Depends(key_check(api_key))]
    for router in ROUTERS:
        app.include_router(router(scorer), dependencies=guards, responses=KEY_ERRORS if guards else {})
    app.add_middleware(BoundedBodies, limits=scorer.limits)
    app.add_middleware(CountedAnswers, metrics=scorer.metrics)
    answer_errors(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok"}

    return app


def key_check(api_key: str) -> Callable[..., Awaitable[None]]:
    """A dependency that refuses requests without the key."""

    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
        key = "" if given is None else given.credentials
        if not secrets.compare_digest(key.encode(), api_key.encode()):
            raise HTTPException(401, "the API key is missing or wrong", {"WWW-Authenticate": "Bearer"})

    return check


def closing(close: Callable[[], Awaitable[None]]) -> Lifespan:
    """A lifespan that frees the model when the server stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await close()

    return lifespan
