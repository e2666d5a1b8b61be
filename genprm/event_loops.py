"""Asynchronous work: an event loop in a thread of its own, coroutines awaited together, and a limit per loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; when one fails the others are cancelled, and its error is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Places:
    """At most `count` holders at a time on each event loop, by one semaphore per loop: asyncio binds it to a loop.

    >>> places = Places(1)
    >>> async def work() -> bool:
    ...     async with places.here():
    ...         return places.here().locked()
    >>> asyncio.run(work()), asyncio.run(work())
    (True, True)
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def here(self) -> asyncio.Semaphore:
        """Return the semaphore of the running event loop."""
        return self._semaphores.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._count))


class BackgroundLoop:
    """An event loop in a thread of its own, called `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._open = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """False once stopped."""
        return not self._stopped

    def run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `work` on the loop, from any other thread; cancelling the future cancels `work`.

        Raises:
            ValueError: the loop was stopped.
        """
        with self._open:
            if not self._stopped:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise ValueError(f"{self._name} is closed")

    def stop(self) -> None:
        """Cancel what still runs, and end the loop and its thread. Stopping twice is harmless."""
        with self._open:
            if self._stopped:
                return
            self._stopped = True
        asyncio.run_coroutine_threadsafe(cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def cancel_others() -> None:
    """Cancel all other tasks of the running loop, and wait until they have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
