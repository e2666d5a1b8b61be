"""`/v1/score`: rewards per step, with all that is known of them; as events while they are judged, if asked so."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse

from genprm.data_sets.rows import InputError, bad_field, json_object
from genprm.data_sets.written_solutions import WrittenSolution, read_solution
from genprm.engines.base import EngineError
from genprm.modes import Mode
from genprm.prm import check_mode
from genprm.records import StepVerification
from genprm.sandbox.base import SandboxError
from genprm.serve.limits import Limits
from genprm.serve.scorer import Asked, Judged, Scorer

FIELDS = ("id", "problem", "question", "steps", "solution", "messages")
"""What says which solution is meant."""
OPTIONS = ("votes", "mode", "deadline", "stream")
"""What says how it is judged; they stand beside `items` or beside the one solution."""


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = APIRouter()

    @routes.post("/v1/score", response_model=None)
    async def score(body: dict[str, Any]) -> dict[str, Any] | StreamingResponse:
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
    """What a request says of how it is judged.

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
    """A solution, as `genprm judge` reads it.

    Raises:
        InputError: it is something else, or holds a field that would be ignored.
    """
    row = json_object(item, where)
    for name in row:
        if name not in FIELDS:
            raise InputError(f"{where}: field {name!r}, allowed: {', '.join(FIELDS)}")
    return read_solution(row, where)


def answer(scorer: Scorer, judged: Judged, solution: WrittenSolution) -> dict[str, Any]:
    """What is known of one solution."""
    score = judged.score
    return {
        "rewards": score.rewards,
        "first_error": judged.first_error(scorer.threshold),
        "unjudged": judged.unjudged,
        "steps": solution.steps,
        "tokens": score.tokens,
        "model": scorer.model.name,
        **({} if judged.complete else {"complete": False}),
        **({"paths": score.path_rewards} if len(score.path_rewards) > 1 else {}),
    }


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
        except HTTPException as error:
            heard.put_nowait(event("error", {"status": error.status_code, "detail": error.detail}))
        except InputError as error:
            heard.put_nowait(event("error", {"status": 422, "detail": str(error)}))
        except (EngineError, SandboxError) as error:
            heard.put_nowait(event("error", {"status": 502, "detail": f"not judged: {error}"}))
        finally:
            heard.put_nowait(None)

    judging = asyncio.create_task(judge())
    try:
        while (one := await heard.get()) is not None:
            yield one
    finally:  # a client that has gone is judged for no longer
        judging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await judging


def event(name: str, data: dict[str, Any]) -> str:
    r"""A server-sent event.

    >>> event("step", {"step": 0})
    'event: step\ndata: {"step": 0}\n\n'
    """
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
