"""Answers about errors: one shape, `{"detail": one line}`, and one status for each reason."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from genprm.data_sets.rows import InputError, shown
from genprm.engines.base import EngineError
from genprm.sandbox.base import SandboxError

CLIENT_GONE = 499
"""Status under which a request is counted if its client has gone, as nginx counts it."""


class Error(BaseModel):
    """Why there is no answer."""

    detail: str


Responses = dict[int | str, dict[str, Any]]


def _page(reasons: dict[int, str]) -> Responses:
    return {status: {"model": Error, "description": reason} for status, reason in reasons.items()}


JUDGING_ERRORS = _page(
    {
        408: "The request did not arrive in time.",
        413: "The request is too large.",
        422: "The request is malformed.",
        502: "A step was not judged.",
        503: "Too many solutions are waiting.",
        504: "The solutions were not judged in time.",
    }
)
"""The errors that an endpoint which judges may answer."""
KEY_ERRORS = _page({401: "The API key is missing or wrong."})
"""The error that an endpoint which requires a key may answer, too."""


def status_and_reason(error: Exception) -> tuple[int, str]:
    """Status and detail that answer an error in judging or in a request's content; any other is raised again."""
    match error:
        case HTTPException():
            return error.status_code, str(error.detail)
        case InputError():
            return 422, str(error)
        case EngineError() | SandboxError():
            return 502, f"not judged: {error}"
        case RequestValidationError():
            return 422, _first_fault(error)
        case ClientDisconnect():
            return CLIENT_GONE, "the client has gone"
    raise error


def answer_errors(app: FastAPI) -> None:
    """Let `app` answer the errors that `status_and_reason` knows."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        status, reason = status_and_reason(error)
        return JSONResponse({"detail": reason}, status, getattr(error, "headers", None))

    for kind in (HTTPException, InputError, EngineError, SandboxError, RequestValidationError, ClientDisconnect):
        app.add_exception_handler(kind, answer)


def _first_fault(error: RequestValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    found = "" if fault["type"] == "missing" else f" is {shown(fault['input'])}"
    return f"{place}{found}: {fault['msg']}"
