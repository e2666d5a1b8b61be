"""Copies of a model in processes, each on a core or on GPUs of its own.

The embedded engine decodes in one thread, so two cores want two copies; vLLM drives one group of GPUs, so eight
GPUs want several. Each process has an engine of its own (`genprm.engines.copies.worker`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from genprm.engines.base import Completion, EngineDead, EngineError, Sampling
from genprm.engines.copies.balanced import BalancedEngine
from genprm.engines.copies.devices import Devices, device_groups, visible_devices
from genprm.engines.copies.worker import KINDS, LONGEST, completion_of, prompt_fields
from genprm.engines.remote.calls import Calls
from genprm.engines.tokenizer import ModelTokenizer
from genprm.event_loops import together
from genprm.records import Provenance
from genprm.settings import EngineSettings

CLOSING_SECONDS = 30.0
"""Time that a copy has to end by itself before it is killed; it normally takes one decoding step."""


def open_processes(model: str, settings: EngineSettings, devices: Devices | None = None) -> BalancedEngine:
    """`settings.replicas` copies of a model as one engine, on `devices` or on the GPUs that this process sees.

    Raises:
        EngineError: the model or its tokenizer cannot be loaded, or there are too few GPUs.
    """
    tokenizer = ModelTokenizer(model, settings.max_context)
    devices = devices or Devices(visible_devices())
    groups = device_groups(devices.names, settings)
    calls = Calls("genprm-replicas", settings.max_in_flight)
    replicas = calls.start(_start(model, settings, groups, devices.locks))
    return BalancedEngine(model, tokenizer, replicas[0].provenance, replicas, calls)


class ReplicaDied(EngineDead):
    """The process of a copy ended: the requests that it worked on are lost, earlier answers are not."""


class Replica:
    """One copy: its process, and the requests that it works on. Lives on the event loop that it was started on."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.prompt_tokens_seen = 0
        self.prefix_tokens_reused = 0
        self.provenance = Provenance("", "", "")
        """The provenance of its engine; empty until the copy is ready."""
        self._name = name
        self._process = process
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[list[Completion]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Wait until the model is loaded.

        Raises:
            EngineError: the model cannot be loaded.
        """
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise await self._death()
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError(answer["error"])
        self.provenance = Provenance(**answer["provenance"])
        self._reading = asyncio.ensure_future(self._read(self._process.stdout))

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As `Engine.complete`.

        Raises:
            ReplicaDied: the process ended before it answered.
        """
        number = next(self._numbers)
        answer: asyncio.Future[list[Completion]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._say({"id": number, "prompt": prompt_fields(prompt), "sampling": asdict(sampling), "n": n})
            if self._reading is None or self._reading.done():
                raise await self._death()
            return await answer
        finally:
            if self._waiting.pop(number, None) is not None and answer.cancelled():
                self._say({"cancel": number})

    def _say(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            answer = json.loads(line)
            self.prompt_tokens_seen, self.prefix_tokens_reused = answer["seen"], answer["reused"]
            future = self._waiting.pop(answer["id"], None)
            if future is None or future.done():
                continue
            if "error" in answer:
                future.set_exception(KINDS[answer["kind"]](answer["error"]))
            else:
                future.set_result([completion_of(fields) for fields in answer["completions"]])
        death = await self._death()
        self._end_what_is_left()
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
        if self._reading is None:
            self._end_what_is_left()
        else:
            await self._reading

    def _end_what_is_left(self) -> None:
        """Kill what remains of the copy's process group: vLLM's engine is a process of its own, which outlives a
        copy that was killed and keeps its memory. To be called once, when the copy has just ended: later its id may
        belong to another process."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


async def _start(
    model: str, settings: EngineSettings, groups: Sequence[Sequence[str]], locks: Sequence[int]
) -> list[Replica]:
    """Start all copies and wait until they are loaded; if one cannot be loaded, close all."""
    alone = settings.model_copy(update={"replicas": 1}).model_dump_json()
    command = [sys.executable, "-m", "genprm.engines.copies.worker", model, alone]
    replicas = []
    for group in groups:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(group),
            limit=LONGEST,
            pass_fds=locks,
            start_new_session=True,
        )
        replicas.append(Replica(model, process))
    try:
        await together([replica.ready() for replica in replicas])
    except EngineError:
        await together([replica.close() for replica in replicas])
        raise
    return replicas


def _environment(group: Sequence[str]) -> dict[str, str]:
    """The environment of a copy: one thread, and its own GPUs where there are any."""
    own = {"CUDA_VISIBLE_DEVICES": ",".join(group)} if group else {}
    return {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", **own}
