"""JSON over HTTP with bounded retries: after a fault that may pass, a request is repeated, later each time."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
import tenacity
from pydantic import BaseModel, ValidationError
from tenacity import RetryCallState, wait_exponential, wait_random_exponential

from genprm.engines.base import EngineDead, EngineError

M = TypeVar("M", bound=BaseModel)

log = logging.getLogger(__name__)

_KEPT_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than the 5 s after which common servers close theirs."""
_CONNECT = 10.0
"""Seconds to wait for a connection."""
_SHOWN = 300
"""Characters of a server's answer that an error quotes."""
_LARGEST = 16 * 2**20
"""Bytes of an answer that are read: far more than a completion with its log-probabilities takes."""
_CHUNK = 2**16
_WORTH_SAYING = 5.0
"""Waits of at least so many seconds are logged."""


class _Trouble(EngineError):  # noqa: N818
    """An attempt that is worth repeating. `wait` is how many seconds the server asks to wait, 0 if it does not."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and when a request is repeated: exponential backoff with jitter (seconds).

    A request is given up after `attempts` attempts, but not before `patience` (seconds) has passed: a server that
    is only busy refuses at once.

    The wait before attempt k + 1 is drawn from [d / 2, d] with d = `first_delay` * 2^(k - 1), at most
    `longest_delay`, so that many requests refused at once do not come back at once. A server's Retry-After is a
    lower bound.
    """

    attempts: int
    first_delay: float = 0.5
    longest_delay: float = 60.0
    patience: float = 0.0

    def stop(self, state: RetryCallState) -> bool:
        """Whether the attempt that tenacity describes was the last."""
        waited = state.seconds_since_start or 0.0
        return state.attempt_number >= self.attempts and waited >= self.patience

    def wait(self, state: RetryCallState) -> float:
        """The seconds to wait after the attempt that tenacity describes."""
        assert state.outcome is not None
        error = state.outcome.exception()
        asked = error.wait if isinstance(error, _Trouble) else 0.0
        half = wait_exponential(self.first_delay / 2, self.longest_delay / 2)
        jitter = wait_random_exponential(self.first_delay / 2, self.longest_delay / 2)
        return max(asked, half(state) + jitter(state))


class RefusedError(EngineError):
    """The server refused the request itself: asking again would not help.

    `status` is the HTTP status, `words` what the server calls the error (its type and code; may be empty).
    """

    def __init__(self, message: str, status: int, words: frozenset[str]) -> None:
        super().__init__(message)
        self.status = status
        self.words = words


class JsonClient:
    """Talks to one server, from one event loop. `key` is sent as a bearer token.

    `timeout` (seconds) bounds an attempt, and a wait that the server asks for.
    """

    def __init__(self, url: str, timeout: float, retries: Retries, key: str | None = None) -> None:
        self._url = url
        self._timeout = timeout
        self._retries = retries
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, path: str, schema: type[M], body: Mapping[str, Any] | None = None) -> M:
        """The answer to a GET of `path`, or to a POST of `body` as JSON. Cancelling closes the connection.

        A request is repeated when there is no connection, when it breaks, when no answer comes in time, and after
        the statuses 408, 429 and 5xx.

        Raises:
            RefusedError: any other status that is not a success.
            EngineDead: the last attempt failed, too (url, status and attempts are named).
            EngineError: the server asks to wait longer than `timeout`, or the answer is not what `schema` says.
        """
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_Trouble),
            stop=self._retries.stop,
            wait=self._retries.wait,
            before_sleep=_log_wait,
            retry_error_callback=_give_up,
        )
        content: bytes = await retrying(self._attempt, path, body)
        try:
            return schema.model_validate_json(content)
        except ValidationError as error:
            raise EngineError(f"{self._url}{path}: {_what_is_wrong(error)}: {_shown(content)!r}") from None

    async def _attempt(self, path: str, body: Mapping[str, Any] | None) -> bytes:
        if self._session is None:
            # The caller bounds its requests; a second bound here would silently be the smaller one.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_ALIVE)
            limits = aiohttp.ClientTimeout(total=self._timeout, sock_connect=_CONNECT)
            self._session = aiohttp.ClientSession(connector=connector, timeout=limits, headers=self._headers)
        method = "GET" if body is None else "POST"
        url = self._url + path
        try:
            async with self._session.request(method, url, json=body, allow_redirects=False) as response:
                content = await _read_bounded(response, url)
        except TimeoutError:
            raise _Trouble(f"{url}: no answer within {self._timeout:g} s") from None
        except aiohttp.InvalidURL as error:
            raise EngineError(f"engine.url {self._url!r} is not the address of a server") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _Trouble(f"{url}: {type(error).__name__}: {error}".rstrip(": ")) from error
        if 200 <= response.status < 300:
            return content
        message = f"{url}: HTTP {response.status}: {_shown(content)}".rstrip(": ")
        if response.status not in (408, 429) and response.status < 500:
            raise RefusedError(message, response.status, _error_words(content))
        wait = _retry_after(response.headers.get("Retry-After", ""))
        if wait > self._timeout:
            allowed = f"allowed by engine.request_seconds: {self._timeout:g} s"
            raise EngineError(f"{message} (the server asks to wait {wait:.0f} s, {allowed})")
        raise _Trouble(message, wait)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


async def _read_bounded(response: aiohttp.ClientResponse, url: str) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > _LARGEST:
            raise EngineError(f"{url}: the answer is longer than {_LARGEST / 2**20:g} MiB")
    return bytes(content)


def _log_wait(state: RetryCallState) -> None:
    assert state.outcome is not None
    if state.upcoming_sleep >= _WORTH_SAYING:
        log.warning("%s; trying again in %.0f s", state.outcome.exception(), state.upcoming_sleep)


def _give_up(state: RetryCallState) -> None:
    assert state.outcome is not None
    error, attempts = state.outcome.exception(), state.attempt_number
    raise EngineDead(f"{error} (after {attempts} attempt{'s' if attempts > 1 else ''})") from error


def _shown(content: bytes) -> str:
    return " ".join(content[: 4 * _SHOWN].decode(errors="replace").split())[:_SHOWN]


def _what_is_wrong(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "the answer is not JSON"
    field = ".".join(map(str, first["loc"]))
    return f"the answer is not as expected ({f'{field}: ' if field else ''}{first['msg']})"


def _retry_after(value: str) -> float:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3: seconds or a date); 0 if nothing."""
    if re.fullmatch(r"[0-9]{1,18}", value.strip()):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


class _ErrorObject(BaseModel):
    type: Any = None
    code: Any = None


class _ErrorAnswer(BaseModel):
    error: _ErrorObject


def _error_words(content: bytes) -> frozenset[str]:
    """Type and code of an OpenAI-style error object; empty if the answer is none."""
    try:
        error = _ErrorAnswer.model_validate_json(content).error
    except ValidationError:
        return frozenset()
    return frozenset(word for word in (error.type, error.code) if isinstance(word, str))
