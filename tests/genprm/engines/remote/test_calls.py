"""Requests of an engine on a loop of its own: bounded, in order, cancelled singly, failed together."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from genprm.engines.base import EngineError
from genprm.engines.remote.calls import Calls


class Work:
    """Counts how many requests run at a time, and waits until it is let go."""

    def __init__(self) -> None:
        self.running = self.most = self.cancelled = 0
        self.go = threading.Event()

    async def __call__(self, result: int) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            while not self.go.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            return result
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


async def nothing() -> None:
    """What is left to do at the end."""


async def test_results_come_in_order_and_requests_are_bounded() -> None:
    calls, work = Calls("calls", max_in_flight=4), Work()
    tasks = [
        asyncio.create_task(calls.run([functools.partial(work, 10 * i + k) for k in range(3)])) for i in range(5)
    ]
    while work.running < 4:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    work.go.set()
    assert await asyncio.gather(*tasks) == [[10 * i, 10 * i + 1, 10 * i + 2] for i in range(5)]
    assert work.most == 4
    await calls.close(EngineError("closed"), nothing)


async def test_a_cancelled_call_gives_its_places_to_others() -> None:
    calls, work = Calls("calls", max_in_flight=2), Work()
    stuck = asyncio.create_task(calls.run([functools.partial(work, i) for i in range(6)]))
    while work.running < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    waiting = asyncio.create_task(calls.run([functools.partial(work, 7)]))
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    work.go.set()
    assert await asyncio.wait_for(waiting, 20) == [7]
    assert work.cancelled == 2
    await calls.close(EngineError("closed"), nothing)


async def test_an_error_cancels_the_rest_of_its_call_and_nothing_else() -> None:
    calls, work = Calls("calls", max_in_flight=10), Work()

    async def bad() -> int:
        raise EngineError("refused")

    other = asyncio.create_task(calls.run([functools.partial(work, 1)]))
    with pytest.raises(EngineError, match="refused"):
        await calls.run([functools.partial(work, 2), bad])
    work.go.set()
    assert await other == [1]
    await calls.close(EngineError("closed"), nothing)


async def test_closing_fails_those_that_run_those_that_wait_and_those_that_come() -> None:
    calls, work = Calls("calls", max_in_flight=1), Work()
    tasks = [asyncio.create_task(calls.run([functools.partial(work, i)])) for i in range(3)]
    while not work.running:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    ended: list[str] = []

    async def last() -> None:
        ended.append("last")

    await calls.close(EngineError("the engine is closed"), last)
    await calls.close(EngineError("closed twice"), last)
    for task in [*tasks, asyncio.create_task(calls.run([functools.partial(work, 4)]))]:
        with pytest.raises(EngineError, match="the engine is closed"):
            await asyncio.wait_for(task, 20)
    assert ended == ["last"]


async def test_no_call_is_left_waiting_however_late_it_came() -> None:
    """Closed when calls have been handed over and their requests may not have begun."""
    for _ in range(30):
        calls, work = Calls("calls", max_in_flight=1), Work()
        tasks = [asyncio.create_task(calls.run([functools.partial(work, k) for k in range(2)])) for _ in range(3)]
        await asyncio.sleep(0)
        await calls.close(EngineError("the engine is closed"), nothing)
        for ended in await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60):
            assert isinstance(ended, EngineError)


def test_a_start_that_fails_leaves_no_thread() -> None:
    async def broken() -> None:
        raise EngineError("no model")

    calls = Calls("calls-that-do-not-start", max_in_flight=1)
    with pytest.raises(EngineError, match="no model"):
        calls.start(broken())
    assert "calls-that-do-not-start" not in {thread.name for thread in threading.enumerate()}
