"""The reward server: one reward model behind the endpoints of `genprm.serve.routes`."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from genprm.data_sets.rows import InputError, parse_json
from genprm.engines.base import EngineError
from genprm.sandbox.base import SandboxError
from genprm.serve.limits import Limits
from genprm.serve.routes import ROUTERS
from genprm.serve.scorer import Scorer

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Next = Callable[[Request], Awaitable[Response]]


def create_app(scorer: Scorer, api_key: str | None = None, lifespan: Lifespan | None = None) -> FastAPI:
    """The server. With an `api_key`, all but `/health` and the OpenAPI page ask for it as a bearer token."""

    def authorized(request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if api_key is not None and not secrets.compare_digest(given, f"Bearer {api_key}".encode()):
            raise HTTPException(401, "the API key is missing or wrong", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(title="GenPRM reward server", lifespan=lifespan)
    for router in ROUTERS:
        app.include_router(router(scorer), dependencies=[Depends(authorized)])

    @app.middleware("http")
    async def bounded(request: Request, call: Next) -> Response:
        refused = await refusal(request, scorer.limits) if request.method == "POST" else None
        return refused or await call(request)

    @app.middleware("http")
    async def counted(request: Request, call: Next) -> Response:
        started = time.perf_counter()
        response = await call(request)
        route = request.scope.get("route")
        path = getattr(route, "path", "none")
        scorer.metrics.answered(path, response.status_code, time.perf_counter() - started)
        return response

    @app.exception_handler(InputError)
    async def bad_input(request: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    async def not_judged(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"not judged: {error}"}, 502)

    app.add_exception_handler(EngineError, not_judged)
    app.add_exception_handler(SandboxError, not_judged)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok"}

    return app


async def refusal(request: Request, limits: Limits) -> Response | None:
    """The answer to a request whose body is too large, or no JSON that can be read and sent back; None if it is."""
    size = request.headers.get("content-length", "")
    if not (size.isascii() and size.isdigit()):
        return JSONResponse({"detail": "the request does not state its length"}, 411)
    if int(size) > limits.request_bytes:
        return JSONResponse({"detail": f"a request has at most {limits.request_bytes} bytes"}, 413)
    try:
        parse_json((await request.body()).decode(), "request", finite=True)
    except UnicodeDecodeError as error:
        return JSONResponse({"detail": f"request: not UTF-8 text: {error.reason} at byte {error.start}"}, 422)
    except InputError as error:
        return JSONResponse({"detail": str(error)}, 422)
    return None


def closing(close: Callable[[], Awaitable[None]]) -> Lifespan:
    """A lifespan that frees the model when the server stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await close()

    return lifespan
