"""`/v1/score`: rewards per step, with all that is known of them; as events during judging if a request asks so."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NotRequired

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from typing_extensions import TypedDict

from genprm.data_sets.rows import InputError, bad_field, json_object
from genprm.data_sets.written_solutions import WrittenSolution, read_solution
from genprm.modes import Mode
from genprm.prm import check_mode
from genprm.records import StepVerification
from genprm.serve.errors import Responses, status_and_reason
from genprm.serve.limits import Limits
from genprm.serve.requests import judging_routes
from genprm.serve.scorer import Asked, Judged, Scorer
from genprm.serve.solutions import MESSAGE_SCHEMA


class ScoreAnswer(TypedDict):
    """What is known of one solution."""

    rewards: list[float]
    first_error: int | None
    unjudged: list[int]
    steps: list[str]
    tokens: int
    model: str
    complete: NotRequired[bool]
    paths: NotRequired[list[list[float]]]


class ScoreAnswers(TypedDict):
    """What is known of each solution in `items`."""

    items: list[ScoreAnswer]


_EVENT = {
    "type": "object",
    "properties": {"event": {"enum": ["step", "result", "error"]}, "data": {"type": "string"}},
    "required": ["event", "data"],
}
EVENTS: Responses = {200: {"content": {"text/event-stream": {"schema": _EVENT}}}}

_TEXT = {"type": "string", "pattern": r"\S"}
_FIELDS: dict[str, Any] = {
    "id": {"type": ["string", "integer"]},
    "problem": _TEXT,
    "question": _TEXT,
    "steps": {"type": "array", "items": _TEXT, "minItems": 1},
    "solution": _TEXT,
    "messages": {"type": "array", "items": MESSAGE_SCHEMA},
}
FIELDS = tuple(_FIELDS)
"""Fields of a request that say which solution is meant."""
OPTIONS = ("votes", "mode", "deadline", "stream")
"""Fields that say how it is judged, beside `items` or beside the fields of the one solution."""


def page(limits: Limits) -> dict[str, Any]:
    """What the OpenAPI page says of a request."""
    item = {"type": "object", "properties": _FIELDS, "additionalProperties": False}
    options = {
        "votes": {"type": "integer", "minimum": 1, "maximum": limits.votes},
        "mode": {"enum": list(Mode)},
        "deadline": {"type": "number", "exclusiveMinimum": 0, "maximum": limits.seconds},
        "stream": {"type": "boolean"},
    }
    properties = {**_FIELDS, "items": {"type": "array", "items": item}, **options}
    schema = {"properties": properties, "additionalProperties": False}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = judging_routes()

    @routes.post(
        "/v1/score",
        response_model=ScoreAnswer | ScoreAnswers,
        responses=EVENTS,
        openapi_extra=page(scorer.limits),
    )
    async def score(body: dict[str, Any]) -> ScoreAnswer | ScoreAnswers | StreamingResponse:
        """Rewards per step of one solution, or of those in `items`."""
        options = {name: body.pop(name) for name in OPTIONS if name in body}
        stream = options.get("stream", False)
        if not isinstance(stream, bool):
            raise bad_field("request", "stream", stream, "true or false")
        asked = read_options(options, scorer.limits)
        items = body.get("items", [body])
        if not isinstance(items, list):
            raise InputError("field 'items' is no list, allowed: a list of objects")
        if "items" in body and len(body) > 1:
            raise InputError(f"field {next(name for name in body if name != 'items')!r} stands beside 'items'")
        solutions = [read_item(item, f"item {index}") for index, item in enumerate(items)]
        if stream:
            if "items" in body:
                raise InputError("field 'stream' is true, allowed for one solution, without 'items'")
            scorer.require_verifier()
            return StreamingResponse(events(scorer, solutions[0], asked), media_type="text/event-stream")
        judged = await scorer.score(solutions, asked)
        answers = [answer(scorer, one, solution) for one, solution in zip(judged, solutions, strict=True)]
        return {"items": answers} if "items" in body else answers[0]

    return routes


def read_options(options: dict[str, Any], limits: Limits) -> Asked:
    """Read the options of a request that say how it is judged.

    Raises:
        InputError: an option is wrong or beyond the limits.
    """
    votes, mode, deadline = options.get("votes"), options.get("mode"), options.get("deadline")
    if votes is not None and (type(votes) is not int or not 1 <= votes <= limits.votes):
        raise bad_field("request", "votes", votes, f"a whole number from 1 to {limits.votes}")
    if deadline is not None and (type(deadline) not in (int, float) or not 0 < deadline <= limits.seconds):
        raise bad_field("request", "deadline", deadline, f"seconds, above 0 and at most {limits.seconds:g}")
    if mode is not None and not isinstance(mode, str):
        raise bad_field("request", "mode", mode, ", ".join(Mode))
    return Asked(votes, None if mode is None else check_mode(mode), deadline)


def read_item(item: Any, where: str) -> WrittenSolution:
    """Read a solution, as `genprm judge` does.

    Raises:
        InputError: the item is something else, or holds a field that would be ignored.
    """
    row = json_object(item, where)
    for name in row:
        if name not in FIELDS:
            raise InputError(f"{where}: field {name!r}, allowed: {', '.join(FIELDS)}")
    return read_solution(row, where)


def answer(scorer: Scorer, judged: Judged, solution: WrittenSolution) -> ScoreAnswer:
    """What is known of one solution."""
    score = judged.score
    known: ScoreAnswer = {
        "rewards": score.rewards,
        "first_error": judged.first_error(scorer.threshold),
        "unjudged": judged.unjudged,
        "steps": solution.steps,
        "tokens": score.tokens,
        "model": scorer.model.name,
    }
    if not judged.complete:
        known["complete"] = False
    if len(score.path_rewards) > 1:
        known["paths"] = score.path_rewards
    return known


async def events(scorer: Scorer, solution: WrittenSolution, asked: Asked) -> AsyncIterator[str]:
    """A server-sent event `step` for each judgement, then `result` with the whole answer, or `error`."""
    heard: asyncio.Queue[str | None] = asyncio.Queue()

    def told(path: int, step: int, judgement: StepVerification) -> None:
        reward = None if judgement.verdict == "none" else judgement.reward
        said = {"path": path, "step": step, "reward": reward, "verdict": judgement.verdict}
        heard.put_nowait(event("step", {**said, "tokens": judgement.tokens}))

    async def judge() -> None:
        try:
            (judged,) = await scorer.score([solution], Asked(asked.votes, asked.mode, asked.deadline, told))
            heard.put_nowait(event("result", answer(scorer, judged, solution)))
        except Exception as error:
            status, reason = status_and_reason(error)
            heard.put_nowait(event("error", {"status": status, "detail": reason}))
        finally:
            heard.put_nowait(None)

    judging = asyncio.create_task(judge())
    try:
        while (one := await heard.get()) is not None:
            yield one
    finally:  # judging stops when the client has gone
        judging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await judging


def event(name: str, data: Mapping[str, Any]) -> str:
    r"""A server-sent event.

    >>> event("step", {"step": 0})
    'event: step\ndata: {"step": 0}\n\n'
    """
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
