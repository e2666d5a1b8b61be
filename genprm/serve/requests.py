"""Requests with a body: it arrives within limits, is parsed once, and is answered while its client waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genprm.data_sets.rows import InputError, parse_json
from genprm.serve.errors import JUDGING_ERRORS
from genprm.serve.limits import Limits

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedBodies:
    """ASGI middleware: a body has at most so many bytes, and arrives within so many seconds."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; reading its body raises `HTTPException` 408 or 413 where a limit is exceeded."""
        bounded = self._bounded(receive) if scope["type"] == "http" else receive
        await self._app(scope, bounded, send)

    def _bounded(self, receive: Receive) -> Receive:
        limits, size, arrived = self._limits, 0, False
        until = asyncio.get_running_loop().time() + limits.body_seconds

        async def bounded() -> Message:
            nonlocal size, arrived
            try:
                async with asyncio.timeout_at(None if arrived else until):
                    message = await receive()
            except TimeoutError:
                detail = f"the request did not arrive within {limits.body_seconds:g} s"
                raise HTTPException(408, detail, {"Connection": "close"}) from None
            size += len(message.get("body", b""))
            arrived = not message.get("more_body", False)
            if size > limits.request_bytes:
                raise HTTPException(413, f"a request has at most {limits.request_bytes} bytes")
            return message

        return bounded


class JsonRequest(Request):
    """A request whose body is JSON that can be sent back: its numbers are finite."""

    async def json(self) -> Any:
        """The content of the body.

        Raises:
            HTTPException: the body is no such JSON (422).
        """
        try:
            return parse_json((await self.body()).decode(), "request", finite=True)
        except UnicodeDecodeError as error:
            detail = f"request: not UTF-8 text: {error.reason} at byte {error.start}"
            raise HTTPException(422, detail) from None
        except InputError as error:
            raise HTTPException(422, str(error)) from None


class JudgingRoute(APIRoute):
    """An endpoint that reads JSON, and gives up when its client goes."""

    def get_route_handler(self) -> Handle:
        """The handler of a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            request = JsonRequest(request.scope, request.receive)
            await request.body()
            return await while_connected(request, handle(request))

        return answer


def judging_routes() -> APIRouter:
    """A router whose endpoints judge what a request holds."""
    return APIRouter(route_class=JudgingRoute, responses=JUDGING_ERRORS)


async def while_connected(request: Request, answer: Awaitable[Response]) -> Response:
    """Wait for the answer to a request that has arrived completely; cancel it when the client goes.

    Raises:
        ClientDisconnect: the client has gone.
    """
    answering = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(request.receive())  # only the end of the connection can still arrive
    try:
        await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        for task in (answering, gone):
            task.cancel()
        await asyncio.gather(answering, gone, return_exceptions=True)
