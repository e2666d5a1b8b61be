"""Several copies of a model that work as one engine, each in a process of its own, on a core or a GPU of its own.

The embedded engine decodes in one thread, so two cores want two copies. A request goes to the copy that knows most
of its prompt (`genprm.engines.embedded.routing`) and is answered there as it would be by the only copy: the same
seed gives the same text.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import itertools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from genprm.engines.base import Completion, ContextFull, EngineError, Sampling
from genprm.engines.embedded.replica_worker import LONGEST, completion_of, prompt_fields
from genprm.engines.embedded.routing import PrefixRouter
from genprm.engines.remote.calls import Calls
from genprm.engines.tokenizer import ModelTokenizer
from genprm.event_loops import together
from genprm.records import Message, Provenance
from genprm.settings import EngineSettings

CLOSING_SECONDS = 30.0
"""Time that a copy has to end by itself; one decoding step, normally."""


class ReplicatedEngine:
    """`settings.replicas` copies of a model of transformers. Works from any number of event loops at once.

    Raises:
        EngineError: the model or its tokenizer cannot be loaded.
    """

    def __init__(self, model: str, settings: EngineSettings) -> None:
        self._name = model
        self._tokenizer = ModelTokenizer(model, settings.max_context)
        self._calls = Calls("genprm-replicas", settings.max_in_flight)
        self._router = PrefixRouter()
        self._replicas = self._calls.start(_start(model, settings))

    @property
    def model(self) -> str:
        """Path or hub id of the weights."""
        return self._name

    @property
    def provenance(self) -> Provenance:
        """The embedded engine and the version of transformers; log-probabilities are raw."""
        return Provenance("transformers", importlib.metadata.version("transformers"), "raw")

    @property
    def prompt_tokens_seen(self) -> int:
        """Prompt tokens of all answered requests so far."""
        return sum(replica.seen for replica in self._replicas)

    @property
    def prefix_tokens_reused(self) -> int:
        """Those of them that were not computed again."""
        return sum(replica.reused for replica in self._replicas)

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """Chat messages as prompt text by the model's own template (`genprm.engines.chat`)."""
        return self._tokenizer.render(messages, prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """`n` completions of `prompt`, all by one copy; sample i is drawn with seed (`sampling.seed`, i).

        Cancelling the awaiting task ends the request in the copy.

        Raises:
            ContextFull: the prompt leaves no room in the context.
            EngineError: the prompt is empty, the engine is closed, or a copy died.
        """
        (completions,) = await self._calls.run([functools.partial(self._ask, prompt, sampling, n)])
        return completions

    async def _ask(self, prompt: str, sampling: Sampling, n: int) -> list[Completion]:
        chosen = self._router.choose(prompt, [replica.load for replica in self._replicas])
        try:
            return await self._replicas[chosen].complete(prompt, sampling, n)
        except ReplicaDied as error:
            self._calls.fail(error)
            raise

    async def close(self) -> None:
        """Free the models. Requests in flight fail with EngineError."""
        await self._calls.close(EngineError(f"model {self._name}: the engine is closed"), self._shut_down)

    async def _shut_down(self) -> None:
        await together([replica.close() for replica in self._replicas])


class ReplicaDied(EngineError):  # noqa: N818
    """The process of a copy ended; what it worked on is lost, and what it had answered is not."""


class Replica:
    """One copy: its process, and the requests that it works on. On the event loop that it was started on."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.load = 0
        """Samples in flight."""
        self.seen = 0
        self.reused = 0
        self._name = name
        self._process = process
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[list[Completion]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Returns when the model is loaded.

        Raises:
            EngineError: it cannot be.
        """
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise await self._death()
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError(answer["error"])
        self._reading = asyncio.ensure_future(self._read(self._process.stdout))

    async def complete(self, prompt: str, sampling: Sampling, n: int) -> list[Completion]:
        """As `Engine.complete`.

        Raises:
            ReplicaDied: the process ended before it answered.
        """
        number = next(self._numbers)
        answer: asyncio.Future[list[Completion]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self.load += n
        try:
            self._say({"id": number, "prompt": prompt_fields(prompt), "sampling": asdict(sampling), "n": n})
            if self._reading is None or self._reading.done():
                raise await self._death()
            return await answer
        finally:
            self.load -= n
            if self._waiting.pop(number, None) is not None and answer.cancelled():
                self._say({"cancel": number})

    def _say(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            answer = json.loads(line)
            self.seen, self.reused = answer["seen"], answer["reused"]
            future = self._waiting.pop(answer["id"], None)
            if future is None or future.done():
                continue
            if "error" in answer:
                kind = ContextFull if answer["context_full"] else EngineError
                future.set_exception(kind(answer["error"]))
            else:
                future.set_result([completion_of(fields) for fields in answer["completions"]])
        death = await self._death()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(death)

    async def _death(self) -> ReplicaDied:
        status = await self._process.wait()
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return ReplicaDied(f"model {self._name}: the process of a copy (engine.replicas) ended {how}")

    async def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), CLOSING_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading


async def _start(model: str, settings: EngineSettings) -> list[Replica]:
    """All copies, loaded; none is left when one cannot be."""
    alone = settings.model_copy(update={"replicas": 1}).model_dump_json()
    command = [sys.executable, "-m", "genprm.engines.embedded.replica_worker", model, alone]
    replicas = []
    for number in range(settings.replicas):
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(number),
            limit=LONGEST,
        )
        replicas.append(Replica(model, process))
    try:
        await together([replica.ready() for replica in replicas])
    except EngineError:
        await together([replica.close() for replica in replicas])
        raise
    return replicas


def _environment(number: int) -> dict[str, str]:
    """One thread for the process, and one of the GPUs where there are any."""
    import torch

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    if count := torch.cuda.device_count():
        environment["CUDA_VISIBLE_DEVICES"] = device_of(number, count, os.environ.get("CUDA_VISIBLE_DEVICES"))
    return environment


def device_of(number: int, count: int, visible: str | None) -> str:
    """The GPU of a copy: each has its own, in turn, of those that this process may use.

    >>> [device_of(number, 2, "4,7") for number in range(3)], device_of(1, 2, None)
    (['4', '7', '4'], '1')
    """
    names = visible.split(",") if visible else [str(device) for device in range(count)]
    return names[number % count]
