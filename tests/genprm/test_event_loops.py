"""An event loop in a thread of its own: whoever waits for it is answered, also when it is stopped."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError

import pytest

from genprm.event_loops import BackgroundLoop, together


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fails() -> int:
    raise KeyError("as it is")


def test_work_runs_on_the_loop_until_it_is_stopped() -> None:
    loop = BackgroundLoop("loop")
    assert loop.run(double(4)).result(20) == 8
    waiting = loop.run(for_ever())
    loop.stop()
    loop.stop()
    with pytest.raises(CancelledError):
        waiting.result(20)
    with pytest.raises(ValueError, match="loop is closed"):
        loop.run(double(4))


async def test_results_of_several_come_in_order() -> None:
    assert await together(double(number) for number in (3, 1, 2)) == [6, 2, 4]


async def test_the_first_error_ends_the_others() -> None:
    ended = asyncio.Event()

    async def other() -> int:
        try:
            return int(await asyncio.Event().wait())
        finally:
            ended.set()

    with pytest.raises(KeyError, match="as it is"):
        await together([other(), fails()])
    assert ended.is_set()
