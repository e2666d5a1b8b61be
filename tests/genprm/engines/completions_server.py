"""A small server of OpenAI-compatible completions on a loopback port, which can be told to be in trouble."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from genprm.event_loops import BackgroundLoop

Answer = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Makes the choice (and, under "usage", the usage) of a request."""


class CompletionsServer:
    """Answers POST /v1/completions with `answer`, and GET /v1/models and /version.

    `trouble` holds what happens to the next completions instead: an HTTP status, (status, headers), "drop" (the
    connection is closed) or "silence" (there is no answer). `bodies` are the requests seen, `arrivals` their times,
    `working` counts those being answered, `most` the most at a time, `abandoned` those whose client left.
    """

    def __init__(self, answer: Answer, model: str, max_model_len: int | None = None) -> None:
        self.trouble: deque[Any] = deque()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.arrivals: list[float] = []
        self.working = self.most = self.abandoned = 0
        self._answer = answer
        self._entry = {"id": model, "object": "model", "owned_by": "tests"}
        if max_model_len is not None:
            self._entry |= {"max_model_len": max_model_len}
        self._loop = BackgroundLoop("completions-server")
        self.url = self._loop.run(self._start()).result()

    async def _start(self) -> str:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/completions", self._completions)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [self._entry]})

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(request.headers)
        self.arrivals.append(asyncio.get_running_loop().time())
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            if self.trouble:
                return await self._in_trouble(request, self.trouble.popleft())
            choice = await self._answer(body)
            usage = choice.pop("usage", {})
            return web.json_response({"object": "text_completion", "choices": [choice], "usage": usage})
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            self.working -= 1

    async def _in_trouble(self, request: web.Request, trouble: Any) -> web.StreamResponse:
        if trouble == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if trouble == "silence":
            await asyncio.sleep(3600)
        if isinstance(trouble, web.Response):
            return trouble
        status, headers = trouble if isinstance(trouble, tuple) else (trouble, {})
        return web.json_response({"error": {"message": "in trouble"}}, status=status, headers=headers)

    def close(self) -> None:
        """Stop listening."""
        self._loop.run(self._runner.cleanup()).result()
        self._loop.stop()
