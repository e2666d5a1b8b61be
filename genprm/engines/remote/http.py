"""JSON over HTTP with bounded retries: what may pass is asked again, later each time, and not for ever."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from genprm.engines.base import EngineError

_KEPT_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than the 5 s after which common servers close theirs."""
_CONNECT = 10.0
"""Seconds to wait for a connection."""
_SHOWN = 300
"""Characters of a server's answer that an error quotes."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and when a request is repeated: exponential backoff with jitter (seconds).

    The wait before attempt k + 1 is `first_delay` * 2^(k - 1), at most `longest_delay`, times a random factor in
    [0.5, 1], so that many requests refused at once do not come back at once. A server's Retry-After, up to
    `longest_delay`, is a lower bound.
    """

    attempts: int
    first_delay: float = 0.5
    longest_delay: float = 60.0

    def delays(self) -> Iterator[float]:
        """The waits between attempts, one fewer than there are attempts."""
        for repeat in range(self.attempts - 1):
            yield min(self.longest_delay, self.first_delay * 2**repeat) * random.uniform(0.5, 1.0)


class RefusedError(EngineError):
    """The server refused the request itself: asking again would not help.

    `status` is the HTTP status, `kind` what the server calls the error (its type and code; may be empty).
    """

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Trouble:
    """An attempt that is worth repeating: what went wrong, and the seconds that the server asks to wait."""

    what: str
    wait: float = 0.0


class JsonClient:
    """Talks to one server, from one event loop. `key` is sent as a bearer token."""

    def __init__(self, url: str, timeout: float, retries: Retries, key: str | None = None) -> None:
        self._url = url
        self._timeout = timeout
        self._retries = retries
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to a GET of `path`, or to a POST of `body` as JSON. Cancelling closes the connection.

        Repeated are: no connection, a connection that breaks, no answer in time, and the statuses 408, 429 and 5xx.

        Raises:
            RefusedError: any other status that is not a success.
            EngineError: the last attempt failed, too (url, status and attempts are named), or the answer is not
                JSON.
        """
        delays = self._retries.delays()
        for attempt in range(1, self._retries.attempts + 1):
            answer = await self._attempt(path, body)
            if not isinstance(answer, _Trouble):
                return answer[0]
            delay = next(delays, None)
            if delay is None:
                times = f"{attempt} attempt{'s' if attempt > 1 else ''}"
                raise EngineError(f"{self._url}{path}: {answer.what} (after {times})")
            await asyncio.sleep(max(delay, min(answer.wait, self._retries.longest_delay)))
        raise AssertionError("a client makes at least one attempt")

    async def _attempt(self, path: str, body: Mapping[str, Any] | None) -> tuple[Any] | _Trouble:
        if self._session is None:
            # The caller bounds its requests; a second bound here would silently be the smaller one.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_ALIVE)
            limits = aiohttp.ClientTimeout(total=self._timeout, sock_connect=_CONNECT)
            self._session = aiohttp.ClientSession(connector=connector, timeout=limits, headers=self._headers)
        method = "GET" if body is None else "POST"
        try:
            async with self._session.request(
                method, self._url + path, json=body, allow_redirects=False
            ) as response:
                return self._read(path, response.status, response.headers, await response.text())
        except TimeoutError:
            return _Trouble(f"no answer within {self._timeout:g} s")
        except aiohttp.InvalidURL as error:
            raise EngineError(f"engine.url {self._url!r} is not the address of a server") from error
        except (aiohttp.ClientError, OSError) as error:
            return _Trouble(f"{type(error).__name__}: {error}".rstrip(": "))

    def _read(self, path: str, status: int, headers: Mapping[str, str], text: str) -> tuple[Any] | _Trouble:
        shown = " ".join(text.split())[:_SHOWN]
        if status in (408, 429) or status >= 500:
            return _Trouble(f"HTTP {status}: {shown}".rstrip(": "), _retry_after(headers.get("Retry-After", "")))
        if not 200 <= status < 300:
            raise RefusedError(f"{self._url}{path}: HTTP {status}: {shown}".rstrip(": "), status, _error_kind(text))
        try:
            return (json.loads(text),)
        except ValueError:
            raise EngineError(f"{self._url}{path}: the answer is not JSON: {shown!r}") from None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


def _retry_after(value: str) -> float:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3: seconds or a date); 0 if nothing."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _error_kind(text: str) -> str:
    """Type and code of an OpenAI-style error object; empty if the answer is none."""
    try:
        error = json.loads(text)["error"]
        return f"{error.get('type') or ''} {error.get('code') or ''}".strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
