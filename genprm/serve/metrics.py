"""What the server counts, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Metrics:
    """Requests, solutions, steps and tokens of one server; `waiting` says how many solutions wait or are judged."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "genprm_requests", "Requests answered.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "genprm_request_seconds",
            "Seconds until an answer began.",
            ["path"],
            registry=self._registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
        )
        self._solutions = Counter("genprm_solutions", "Solutions judged.", registry=self._registry)
        self._steps = Counter("genprm_steps", "Steps with a reward.", registry=self._registry)
        self._unjudged = Counter("genprm_unjudged_steps", "Steps without a verdict.", registry=self._registry)
        self._tokens = Counter("genprm_generated_tokens", "Tokens generated.", registry=self._registry)
        gauge = Gauge("genprm_waiting_solutions", "Solutions that wait or are judged.", registry=self._registry)
        gauge.set_function(waiting)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def count(self, tokens: int, steps: int, unjudged: int) -> None:
        """Count a judged solution."""
        self._solutions.inc()
        self._tokens.inc(tokens)
        self._steps.inc(steps)
        self._unjudged.inc(unjudged)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class CountedAnswers:
    """ASGI middleware: counts every answer by its endpoint and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its answer when it begins."""
        started = time.perf_counter()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = getattr(scope.get("route"), "path", "none")
                self._metrics.answered(path, message["status"], time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, counting)
