"""How much of a model's speed a server keeps: clients that ask one solution at a time, here and over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from genprm.engines.base import EngineError
from genprm.event_loops import together
from genprm.reward_models.base import RewardModel
from genprm.reward_models.machine import OwnMachine
from genprm.settings import EngineSettings
from genprm.speed.tables import Cell
from genprm.speed.verifier import Solution, miniature_solutions

_SOLUTIONS = 2000
"""Different solutions that are asked for in turn."""
_START_SECONDS = 120.0

Ask = Callable[[Solution], Awaitable[int]]
"""Judges a solution, and returns the number of its judged steps."""


@dataclass(frozen=True, slots=True)
class Load:
    """`clients` that ask for `seconds`, each for the next of `solutions` as soon as it has its answer."""

    clients: int
    seconds: float
    solutions: Sequence[Solution]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answered requests, and the time until the last answer."""

    requests: int
    steps: int
    seconds: float

    @property
    def speed(self) -> float:
        """Steps per second."""
        return self.steps / self.seconds


async def keep_asking(ask: Ask, load: Load) -> Answered:
    """Put a load on something that judges; the first request that fails ends it.

    Raises:
        EngineError, SandboxError: as raised by `ask`.
    """
    loop = asyncio.get_running_loop()
    began, solutions = loop.time(), itertools.cycle(load.solutions)

    async def client() -> list[int]:
        judged = []
        while loop.time() - began < load.seconds:
            judged.append(await ask(next(solutions)))
        return judged

    judged = [steps for one in await together([client() for _ in range(load.clients)]) for steps in one]
    return Answered(len(judged), sum(judged), loop.time() - began)


async def in_process(model: RewardModel, load: Load) -> Answered:
    """Put the load on a model in this process."""

    async def ask(solution: Solution) -> int:
        return len((await model.score(solution.problem, solution.steps)).rewards)

    return await keep_asking(ask, load)


async def over_http(url: str, load: Load) -> Answered:
    """Put the load on a server.

    Raises:
        EngineError: an answer is no score.
    """
    connector = aiohttp.TCPConnector(limit=load.clients)
    async with aiohttp.ClientSession(url, connector=connector) as session:

        async def ask(solution: Solution) -> int:
            body = {"problem": solution.problem, "steps": solution.steps}
            async with session.post("/v1/score", json=body) as answer:
                if answer.status != 200:
                    raise EngineError(f"{url}/v1/score: status {answer.status}: {await answer.text()}")
                return len((await answer.json())["rewards"])

        return await keep_asking(ask, load)


@contextmanager
def served(model: str, engine: EngineSettings) -> Iterator[str]:
    """The address of a `genprm serve` that runs while the block does.

    Raises:
        EngineError: it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    changes = [
        f"--set=engine.{name}={value}"
        for name, value in engine.model_dump(mode="json", exclude_defaults=True).items()
        if name != "backend"
    ]
    command = [sys.executable, "-m", "genprm.cli", "serve", "--model", model, "--engine", engine.backend]
    quiet = subprocess.DEVNULL  # uvicorn logs every request
    process = subprocess.Popen([*command, "--port", str(port), *changes], stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}"
    try:
        asyncio.run(_answers(url, process))
        yield url
    finally:
        process.terminate()
        process.wait()


async def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _START_SECONDS
    async with aiohttp.ClientSession(url) as session:
        while process.poll() is None and loop.time() < until:
            try:
                async with session.get("/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.2)
    raise EngineError(f"the server did not start: it ended with status {process.poll()}")


def table(direct: Answered, over_http: Answered) -> list[dict[str, Cell]]:
    """A row for each way, with its share of the direct way's speed."""
    return [
        {
            "way": name,
            "requests": one.requests,
            "steps": one.steps,
            "steps/s": one.speed,
            "of direct %": 100 * one.speed / direct.speed,
        }
        for name, one in (("direct", direct), ("server", over_http))
    ]


def measure(
    model: str, opened: tuple[RewardModel, OwnMachine], engine: EngineSettings, clients: int, seconds: float
) -> tuple[str, list[dict[str, Cell]], list[str]]:
    """Title, rows and notes of the table for an opened model, which is freed before the server loads it.

    The server gets the name that the model was opened with, as the way a model is asked may depend on its name.

    Raises:
        EngineError, SandboxError: the model cannot be asked, or a request failed.
    """
    load = Load(clients, seconds, miniature_solutions(_SOLUTIONS))

    async def alone() -> Answered:
        found = await in_process(opened[0], load)
        for one in opened:
            await one.close()
        return found

    direct = asyncio.run(alone())
    with served(model, engine) as url:
        answered = asyncio.run(over_http(url, load))
    title = f"Server: {model}, {clients} clients for {seconds:g} s each way, engine {engine.backend}"
    return title, table(direct, answered), ["direct: the same clients in the process of the model."]
