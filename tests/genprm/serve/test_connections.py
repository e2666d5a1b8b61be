"""Many clients at once, some of which go, are slow or send too much: each gets its own answer, or the reason."""

from __future__ import annotations

import asyncio
import json
import math
import re
import zlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from genprm.engines.base import Completion
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import reply
from tests.genprm.serve.served import RIGHT, client, listening

BODY = {"problem": "p", "steps": ["fine"]}


def yes_share(problem: int, step: int) -> float:
    """A reward of its own for each step of each problem."""
    return (1 + (problem * 31 + step * 7) % 97) / 100


def numbered_verdict(prompt: str) -> dict[str, float]:
    problem, step = int(re.findall(r"problem (\d+)", prompt)[-1]), int(re.findall(r"step (\d+)", prompt)[-1])
    yes = yes_share(problem, step)
    return {"Yes": math.log(yes), "No": math.log(1 - yes)}


class UnevenEngine(ScriptedEngine):
    """It takes a time that depends on the prompt, so that requests overtake each other."""

    def __init__(self) -> None:
        super().__init__(reply, numbered_verdict)

    async def complete(self, prompt: str, *arguments: Any, **named: Any) -> list[Completion]:
        await asyncio.sleep(zlib.crc32(prompt.encode()) % 20 / 1000)
        return await super().complete(prompt, *arguments, **named)


class StuckEngine(ScriptedEngine):
    """It never comes to an end, and says when it was asked and when it was left alone."""

    def __init__(self) -> None:
        super().__init__(reply)
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def complete(self, prompt: str, *arguments: Any, **named: Any) -> list[Completion]:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        return []


async def waiting(session: aiohttp.ClientSession) -> float:
    """How many solutions wait or are judged, as the server counts them."""
    async with session.get("/metrics") as answer:
        (found,) = re.findall(r"^genprm_waiting_solutions (\S+)$", await answer.text(), re.MULTILINE)
    return float(found)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that must come."""
    for _ in range(6000):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("it did not come")


def post(body: Any, path: str = "/v1/score", length: int | None = None) -> bytes:
    """A request as it travels; `length` is what it says of its body."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(data) if length is None else length}\r\n\r\n".encode() + data


async def trickle(url: str, sent: bytes, pieces: int) -> tuple[int, Any]:
    """Status and answer of a request that arrives in pieces."""
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    size = math.ceil(len(sent) / pieces)
    for start in range(0, len(sent), size):
        writer.write(sent[start : start + size])
        await writer.drain()
        await asyncio.sleep(0.005)
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), json.loads(answer)


async def test_each_of_many_clients_gets_the_answer_to_its_own_request() -> None:
    """A third goes before the answer, a third sends slowly; five solutions are judged at a time."""

    def body(problem: int) -> dict[str, Any]:
        return {"problem": f"problem {problem}", "steps": [f"step {step}" for step in range(1 + problem % 3)]}

    def expected(problem: int) -> list[float]:
        return [pytest.approx(yes_share(problem, step), abs=1e-6) for step in range(1 + problem % 3)]

    with listening(client(UnevenEngine(), concurrent=5).app) as url:
        async with aiohttp.ClientSession(url) as session:

            async def ask(problem: int) -> list[float]:
                async with session.post("/v1/score", json=body(problem)) as answer:
                    return (await answer.json())["rewards"]

            async def ask_slowly(problem: int) -> list[float]:
                status, answer = await trickle(url, post(body(problem)), pieces=30)
                assert status == 200
                return answer["rewards"]

            async def ask_and_go(problem: int) -> None:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(ask(problem), 0.001 * (problem % 30))

            problems = range(90)
            asked = [(ask, ask_slowly, ask_and_go)[problem % 3](problem) for problem in problems]
            answers = await asyncio.gather(*asked)
            assert [answers[problem] for problem in problems if problem % 3 < 2] == [
                expected(problem) for problem in problems if problem % 3 < 2
            ]

            async def none_waits() -> bool:
                return await waiting(session) == 0

            await until(none_waits)


async def test_nothing_is_judged_for_a_client_that_has_gone() -> None:
    engine = StuckEngine()
    with listening(client(engine).app) as url:
        async with aiohttp.ClientSession(url) as session:

            async def is_asked() -> bool:
                return engine.asked.is_set()

            async def is_left() -> bool:
                return engine.left.is_set() and await waiting(session) == 0

            asking = asyncio.create_task(session.post("/reward", json={"prompt": "p", "response": "fine"}))
            await until(is_asked)
            assert await waiting(session) == 1
            asking.cancel()
            await until(is_left)


async def test_a_request_that_never_arrives_ends_and_keeps_nobody_waiting() -> None:
    with listening(client(body_seconds=0.5).app) as url:
        late = asyncio.create_task(trickle(url, post(BODY, length=1000), pieces=3))
        async with aiohttp.ClientSession(url) as session, session.post("/v1/score", json=BODY) as answer:
            assert (await answer.json())["rewards"] == [RIGHT]
        assert await late == (408, {"detail": "the request did not arrive within 0.5 s"})


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_that_sends_too_much_hears_so(chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(64):
            yield b" " * 65536

    with listening(client(request_bytes=100_000).app) as url:
        async with aiohttp.ClientSession(url) as session:
            sent = pieces() if chunked else b" " * 64 * 65536
            async with session.post("/v1/score", data=sent, headers={"content-type": "application/json"}) as answer:
                assert (answer.status, await answer.json()) == (
                    413,
                    {"detail": "a request has at most 100000 bytes"},
                )
            assert await waiting(session) == 0


async def test_a_body_of_unstated_length_is_read() -> None:
    async def pieces() -> Any:
        for letter in json.dumps(BODY):
            yield letter.encode()

    with listening(client().app) as url:
        async with (
            aiohttp.ClientSession(url) as session,
            session.post("/v1/score", data=pieces(), headers={"content-type": "application/json"}) as answer,
        ):
            assert (await answer.json())["rewards"] == [RIGHT]


async def test_what_is_no_http_is_refused_and_harms_nobody() -> None:
    bad_length = b"POST /v1/score HTTP/1.1\r\nContent-Length: x\r\n\r\n"
    with listening(client().app) as url:
        for sent in (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", bad_length):
            reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
            writer.write(sent)
            assert (await reader.read()).startswith(b"HTTP/1.1 400")
            writer.close()
        async with aiohttp.ClientSession(url) as session, session.post("/v1/score", json=BODY) as answer:
            assert (await answer.json())["rewards"] == [RIGHT]
