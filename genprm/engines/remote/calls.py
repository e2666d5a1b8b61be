"""Requests of an engine that lives on an event loop of its own: bounded, cancelled singly, failed together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from genprm.engines.base import EngineError
from genprm.event_loops import BackgroundLoop, together

T = TypeVar("T")

_PAUSE = 0.001
"""Seconds between checks whether all requests have ended."""


class Calls:
    """Runs the requests of callers on any event loop on one loop of its own, at most `max_in_flight` at a time.

    A request is one sample: a call for n completions takes up n places, one after another where they are few.
    """

    def __init__(self, name: str, max_in_flight: int) -> None:
        self._loop = BackgroundLoop(name)
        self._places = asyncio.Semaphore(max_in_flight)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open: set[Future[Any]] = set()
        self._door = threading.Lock()
        self._failure: EngineError | None = None
        self._closed = False

    def start(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end on the loop, outside the bound; when it fails the loop is stopped."""
        try:
            return self._loop.run(work).result()
        except BaseException:
            self._loop.stop()
            raise

    async def run(self, requests: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        """The results of `requests` in order. Cancelling the caller cancels them all.

        Raises:
            EngineError: the engine failed, before or meanwhile.
        """
        with self._door:
            if self._failure is not None:
                raise _again(self._failure)
            future = self._loop.run(self._gather(requests))
            self._open.add(future)
        future.add_done_callback(self._open.discard)
        return await asyncio.wrap_future(future)

    async def _gather(self, requests: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        task = asyncio.current_task()
        assert task is not None
        # Retrieve the error even if the caller has left: asyncio would print it otherwise.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await together([self._run_bounded(request) for request in requests])

    async def _run_bounded(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with self._places:
                if self._failure is not None:
                    raise _again(self._failure)
                return await request()
        except asyncio.CancelledError:
            if self._failure is not None:
                raise _again(self._failure) from None
            raise
        finally:
            self._tasks.discard(task)

    def fail(self, error: EngineError) -> None:
        """Refuse new requests with `error`. To be called on the loop itself; `close` also ends those in flight."""
        self._failure = self._failure or error

    async def close(self, error: EngineError, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End requests in flight with `error`, run `last` on the loop, and stop it. Closing twice is harmless."""
        with self._door:
            self.fail(error)
            if self._closed:
                return
            self._closed = True
            ending = self._loop.run(self._end(last))
        await asyncio.wrap_future(ending)
        await asyncio.to_thread(self._loop.stop)

    async def _end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        told: set[asyncio.Task[Any]] = set()
        # A call may have come so late that its requests have not begun yet.
        while self._open or self._tasks:
            for task in self._tasks - told:
                task.cancel()
            told |= self._tasks
            await asyncio.sleep(_PAUSE)
        await last()


def _again(error: EngineError) -> EngineError:
    """A copy of the error for another caller, because a traceback belongs to one caller."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy
