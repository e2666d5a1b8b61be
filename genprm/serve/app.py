"""The reward server: one reward model, and the shapes in which training frameworks ask for rewards."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from genprm.data_sets.rows import InputError, json_object
from genprm.data_sets.written_solutions import WrittenSolution, read_solution
from genprm.engines.base import EngineError
from genprm.event_loops import together
from genprm.records import NO_ERROR
from genprm.reward_models.base import RewardModel, SolutionScore
from genprm.sandbox.base import SandboxError
from genprm.verification.voting import unjudged_steps

FIELDS = ("id", "problem", "question", "steps", "solution", "messages")
"""What an object of `/v1/score` may hold; votes and mode are those that the server was started with."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request and all of them together may take. A request with more items than `waiting` is refused."""

    waiting: int = 1024
    request_bytes: int = 8 * 1024 * 1024
    seconds: float = 600.0


class RewardRequest(BaseModel):
    """OpenRLHF's remote reward model: `query` is prompt and response as one text."""

    query: list[str]
    prompts: list[str]
    labels: list[Any] = Field(default_factory=list)


class SampleRequest(BaseModel):
    """slime's remote reward model: one sample."""

    prompt: str | list[dict[str, Any]]
    response: str
    label: Any = None


class Scorer:
    """Judges solutions for all requests at once; the engine batches what is in flight."""

    def __init__(self, model: RewardModel, limits: Limits, threshold: float) -> None:
        self.model = model
        self.threshold = threshold
        self._limits = limits
        self._waiting = 0

    async def score(self, solutions: list[WrittenSolution]) -> list[SolutionScore]:
        """The scores, in order.

        Raises:
            HTTPException: too many solutions are waiting (503), or the time limit passed (504).
        """
        if self._waiting + len(solutions) > self._limits.waiting:
            raise HTTPException(503, "too many solutions are waiting", {"Retry-After": "1"})
        self._waiting += len(solutions)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await together([self.model.score(one.problem, one.steps) for one in solutions])
        except TimeoutError:
            raise HTTPException(504, f"not judged within {self._limits.seconds:g} s") from None
        finally:
            self._waiting -= len(solutions)

    def first_error(self, score: SolutionScore) -> int | None:
        """0-based index of the first wrong step, -1 if there is none; None if none is and a step was not judged."""
        wrong = score.first_error(self.threshold)
        return None if wrong == NO_ERROR and unjudged(score) else wrong


def unjudged(score: SolutionScore) -> list[int]:
    """0-based steps on which no path of a verifier gave a verdict; their reward of 0.5 says nothing."""
    return unjudged_steps(score.verifications) if score.verifications else []


def outcome(score: SolutionScore, where: str) -> float:
    """One number for a whole solution: the model's own score of it, else its lowest step reward.

    Raises:
        EngineError: a step was not judged, so that there is none.
    """
    if score.outcome is not None:
        return score.outcome
    missing = unjudged(score)
    if missing or not score.rewards:
        raise EngineError(f"{where}: no verdict on step {missing[0] + 1 if missing else 1}")
    return min(score.rewards)


def written(problem: str, solution: str, where: str) -> WrittenSolution:
    """A problem and a solution as text, split into its steps."""
    return read_solution({"problem": problem, "solution": solution}, where)


def read_item(item: Any, where: str) -> WrittenSolution:
    """A solution of `/v1/score`, as `genprm judge` reads it.

    Raises:
        InputError: it is something else, or holds a field that would be ignored.
    """
    row = json_object(item, where)
    for name in row:
        if name not in FIELDS:
            raise InputError(f"{where}: field {name!r}, allowed: {', '.join(FIELDS)}")
    return read_solution(row, where)


def create_app(
    scorer: Scorer, limits: Limits, api_key: str | None = None, lifespan: Lifespan | None = None
) -> FastAPI:
    """The server's routes. With an `api_key`, all but `/health` ask for it as a bearer token."""

    def authorized(request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if api_key is not None and not secrets.compare_digest(given, f"Bearer {api_key}".encode()):
            raise HTTPException(401, "the API key is missing or wrong", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(title="GenPRM reward server", lifespan=lifespan)
    guarded = [Depends(authorized)]

    @app.middleware("http")
    async def bounded(request: Request, call: Callable[[Request], Awaitable[Any]]) -> Any:
        if request.method == "POST":
            size = request.headers.get("content-length", "")
            if not size.isdigit():
                return JSONResponse({"detail": "the request does not state its length"}, 411)
            if int(size) > limits.request_bytes:
                return JSONResponse({"detail": f"a request has at most {limits.request_bytes} bytes"}, 413)
        return await call(request)

    @app.exception_handler(InputError)
    async def bad_input(request: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    async def not_judged(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"not judged: {error}"}, 502)

    app.add_exception_handler(EngineError, not_judged)
    app.add_exception_handler(SandboxError, not_judged)

    @app.post("/v1/score", dependencies=guarded)
    async def score(body: dict[str, Any]) -> Any:
        """Rewards per step of one solution, or of those in `items`."""
        items = body.get("items", [body])
        if not isinstance(items, list):
            raise InputError("field 'items' is no list, allowed: a list of objects")
        if "items" in body and len(body) > 1:
            raise InputError(f"field {next(name for name in body if name != 'items')!r} stands beside 'items'")
        solutions = [read_item(item, f"item {index}") for index, item in enumerate(items)]
        scores = await scorer.score(solutions)
        answers = [
            {
                "rewards": one.rewards,
                "first_error": scorer.first_error(one),
                "unjudged": unjudged(one),
                "steps": solution.steps,
                "tokens": one.tokens,
                "model": scorer.model.name,
                **({"paths": one.path_rewards} if len(one.path_rewards) > 1 else {}),
            }
            for one, solution in zip(scores, solutions, strict=True)
        ]
        return {"items": answers} if "items" in body else answers[0]

    @app.post("/get_reward", dependencies=guarded)
    async def get_reward(body: RewardRequest) -> Any:
        """OpenRLHF: a number per query."""
        if len(body.query) != len(body.prompts):
            raise InputError(
                f"{len(body.query)} texts in 'query' and {len(body.prompts)} in 'prompts', allowed: alike"
            )
        solutions: list[WrittenSolution] = []
        for index, (query, prompt) in enumerate(zip(body.query, body.prompts, strict=True)):
            if not query.startswith(prompt):
                raise InputError(f"query[{index}] does not begin with its prompt")
            solutions.append(written(prompt, query.removeprefix(prompt), f"query[{index}]"))
        scores = await scorer.score(solutions)
        rewards = [outcome(one, f"query[{index}]") for index, one in enumerate(scores)]
        return {"rewards": rewards, "scores": rewards, "extra_logs": {}}

    @app.post("/reward", dependencies=guarded)
    async def reward(body: SampleRequest) -> float:
        """slime: the reward of one sample, a bare number."""
        if not body.prompt:
            raise InputError("field 'prompt' is empty, allowed: text or messages")
        problem = body.prompt if isinstance(body.prompt, str) else str(body.prompt[-1].get("content", ""))
        (one,) = await scorer.score([written(problem, body.response, "response")])
        return outcome(one, "response")

    @app.get("/v1/models", dependencies=guarded)
    async def models() -> Any:
        return {"object": "list", "data": [{"id": scorer.model.name, "object": "model", "owned_by": "genprm"}]}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def closing(close: Callable[[], Awaitable[None]]) -> Lifespan:
    """A lifespan that frees the model when the server stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await close()

    return lifespan
