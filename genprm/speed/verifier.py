"""How fast steps are verified: one request at a time, in rounds, asynchronously, and what the engine could do.

All ways do the same work with the same verifier, sandbox and model; they differ in what is in flight together:

- one at a time: one request of one path is in flight, and no prefix of an earlier prompt is reused, as in the
  published implementation.
- rounds: all paths advance together, and each round of requests waits for its slowest.
- asynchronous: every path advances at its own pace (`genprm.verification.verifier`).
- ceiling: the requests of the asynchronous way once more, all submitted at once: plain batch generation of the same
  prompts and outputs, without conversations and without code.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.engines import open_engine
from genprm.engines.base import Completion, Engine, Sampling
from genprm.event_loops import together
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.solutions import Habits, careless_steps
from genprm.modes import Mode
from genprm.prm import check_mode
from genprm.profiles import MachineSettings
from genprm.records import Verification
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import VerifierSettings
from genprm.speed.recorded import Recorded, Request, at_once, measured_with
from genprm.speed.tables import Cell
from genprm.speed.usage import Usage
from genprm.verification.manifest import model_manifest
from genprm.verification.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution to judge."""

    problem: str
    steps: list[str]


@dataclass(frozen=True, slots=True)
class Workload:
    """`votes` paths over all steps of each of `solutions`; one at a time, only one path over each of `sample`."""

    solutions: Sequence[Solution]
    votes: int
    sample: Sequence[Solution]
    mode: Mode


@dataclass(frozen=True, slots=True)
class Run:
    """The work of one way and its cost; `reuse` is the share of prompt tokens that came from a cached prefix."""

    name: str
    steps: int
    tokens: int
    usage: Usage
    reuse: float | None

    @property
    def speed(self) -> float:
        """Steps per second."""
        return self.steps / self.usage.seconds


def miniature_solutions(count: int) -> list[Solution]:
    """Held-out problems of the miniature, half of them solved with a mistake."""
    rng = random.Random(0)
    solutions = []
    for number, problem in enumerate(generate_problems("evaluation", count, 0)):
        steps, _ = careless_steps(rng, problem, Habits(), forced=number % 2 == 0)
        solutions.append(Solution(problem.text, steps))
    return solutions


class Rounds(Recorded):
    """An engine that serves rounds: it waits until every live task has a request, and serves them all together.

    A task is live from its first request on until it ends.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._live: set[asyncio.Task[Any]] = set()
        self._waiting: list[tuple[Request, asyncio.Future[list[Completion]]]] = []
        self._round: asyncio.Task[None] | None = None

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """The completions of this request, once its whole round is served."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        if task not in self._live:
            self._live.add(task)
            task.add_done_callback(self._left)
        served: asyncio.Future[list[Completion]] = loop.create_future()
        self._waiting.append(((prompt, sampling, n), served))
        # Not immediately: tasks that begin together make their first requests one after another.
        loop.call_soon(self._begin_if_complete)
        return await served

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._live.discard(task)
        self._begin_if_complete()

    def _begin_if_complete(self) -> None:
        if self._waiting and len(self._waiting) == len(self._live):
            waiting, self._waiting = self._waiting, []
            self._round = asyncio.ensure_future(self._serve(waiting))

    async def _serve(self, waiting: Sequence[tuple[Request, asyncio.Future[list[Completion]]]]) -> None:
        work = [super(Rounds, self).complete(*request) for request, _ in waiting]
        for (_, served), result in zip(waiting, await asyncio.gather(*work, return_exceptions=True), strict=True):
            if isinstance(result, BaseException):
                served.set_exception(result)
            else:
                served.set_result(result)


class Bench:
    """Measures the ways, each with an engine of its own that has not seen the workload before.

    Args:
        open_engine: opens an engine of the model; given false, one that computes every prompt from its beginning.
    """

    def __init__(
        self,
        open_engine: Callable[[bool], Engine],
        sandbox: Sandbox,
        settings: VerifierSettings,
        workload: Workload,
    ) -> None:
        self._open_engine = open_engine
        self._sandbox = sandbox
        self._settings = settings
        self._workload = workload

    def runs(self) -> list[Run]:
        """One at a time, rounds, asynchronous, ceiling."""
        work = self._workload
        paths = [(solution, path) for solution in work.solutions for path in range(work.votes)]
        single, _ = self._verify("one at a time", Recorded, [(one, 0) for one in work.sample], alone=True)
        rounds, _ = self._verify("rounds", Rounds, paths)
        free, requests = self._verify("asynchronous", Recorded, paths)
        return [single, rounds, free, self._ceiling(requests, free.steps)]

    def _verify(
        self,
        name: str,
        wrap: Callable[[Engine], Recorded],
        paths: Sequence[tuple[Solution, int]],
        alone: bool = False,
    ) -> tuple[Run, list[Request]]:
        engine = self._open_engine(not alone)
        recorded = wrap(engine)
        verifier = Verifier(recorded, self._sandbox, self._settings)

        async def verify() -> list[Verification]:
            work = [
                verifier.verify(solution.problem, solution.problem, solution.steps, self._workload.mode, path)
                for solution, path in paths
            ]
            return [await one for one in work] if alone else await together(work)

        done, usage, reuse = measured_with(engine, verify)
        steps, tokens = sum(len(path.steps) for path in done), sum(path.tokens for path in done)
        return Run(name, steps, tokens, usage, reuse), recorded.requests

    def _ceiling(self, requests: Sequence[Request], steps: int) -> Run:
        engine = self._open_engine(True)
        done, usage, reuse = measured_with(engine, lambda: at_once(engine, requests))
        tokens = sum(completion.tokens for completion in done)
        return Run("ceiling", steps, tokens, usage, reuse)


def table(runs: Sequence[Run]) -> list[dict[str, Cell]]:
    """A row per way: speeds, and how they compare with one at a time and with the ceiling."""
    first, last = runs[0], runs[-1]
    return [
        {
            "way": run.name,
            "steps": run.steps,
            "steps/s": run.speed,
            "tokens/s": run.tokens / run.usage.seconds,
            "ratio": run.speed / first.speed,
            "of ceiling %": 100 * run.speed / last.speed,
            "prefix hits %": None if run.reuse is None else 100 * run.reuse,
            "CPU ms/step": 1000 * run.usage.cpu_seconds / run.steps,
            "CPU ratio": (first.usage.cpu_seconds / first.steps) / (run.usage.cpu_seconds / run.steps),
            "peak MB": run.usage.peak_mb,
        }
        for run in runs
    ]


def measure(
    model: str,
    machine: MachineSettings,
    solutions: int,
    votes: int,
    sample: int,
    mode: Mode | None,
) -> tuple[str, list[dict[str, Cell]], list[str]]:
    """Title, rows and notes of the table for a model, on the engine and sandbox of `machine`."""
    manifest = model_manifest(model)
    assert manifest.verifier is not None
    work = miniature_solutions(solutions)
    workload = Workload(work, votes, work[:sample], mode or check_mode(manifest.inference_mode or "full"))

    def opened(reuse: bool) -> Engine:
        changes = {} if reuse else {"prefix_cache_mb": 0}
        return open_engine(model, machine.engine.model_copy(update=changes))

    sandbox = open_sandbox(machine.sandbox)
    runs = Bench(opened, sandbox, manifest.verifier, workload).runs()
    asyncio.run(sandbox.close())
    title = f"{model}: {solutions} solutions x {votes} paths, mode {workload.mode}, engine {machine.engine.backend}"
    notes = [
        f"one at a time: path 1 of {len(workload.sample)} solutions; speeds are per step, so they compare.",
        "ceiling: the requests of the asynchronous way, submitted at once, without code; it reuses prefixes.",
    ]
    return title, table(runs), notes
