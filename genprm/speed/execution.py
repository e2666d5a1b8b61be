"""Ways of running scripts that isolate less than the sandbox, or not at all, and what each costs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib.util
import io
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from genprm.speed.usage import cpu_seconds
from genprm.speed.verification_scripts import TEMPLATES, typical_scripts

STEPS_PER_PATH = 4
SECONDS = 30.0
"""Time limit of a script."""


@dataclass(slots=True)
class Cost:
    """What a way of running scripts took: wall time, processor time of all processes, time of each block."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    blocks: list[float] = field(default_factory=list)

    def per_second(self) -> float:
        """Blocks finished per second."""
        return len(self.blocks) / self.seconds

    def cpu_ms(self) -> float:
        """Processor time of one block."""
        return 1000 * self.cpu_seconds / len(self.blocks)

    def quantile_ms(self, percent: int) -> float:
        """Percentile of the time from handing a block over to its result."""
        return 1000 * statistics.quantiles(self.blocks, n=100, method="inclusive")[percent - 1]


def in_process(scripts: Sequence[str]) -> Cost:
    """Run paths one after another, each in its own namespace, in one process that has seen every template."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(_run_paths, warming()).result()
        return pool.submit(_run_paths, list(scripts)).result()


def warming() -> list[str]:
    """The scripts that are run before the clock starts: one of every template."""
    return typical_scripts(len(TEMPLATES), seed=1)


def _run_paths(scripts: list[str]) -> Cost:
    cost = Cost()
    began, used = time.perf_counter(), time.process_time()
    for path in paths(scripts):
        namespace: dict[str, object] = {"__name__": "__main__"}
        for script in path:
            start = time.perf_counter()
            _execute(script, namespace)
            cost.blocks.append(time.perf_counter() - start)
    cost.seconds, cost.cpu_seconds = time.perf_counter() - began, time.process_time() - used
    return cost


def paths(scripts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The scripts in runs of `STEPS_PER_PATH`."""
    return (scripts[start : start + STEPS_PER_PATH] for start in range(0, len(scripts), STEPS_PER_PATH))


def _execute(script: str, namespace: dict[str, object]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(script, "<string>", "exec"), namespace)
        except Exception as error:  # as in the published implementation, an error is part of the output
            print(f"{type(error).__name__}: {error}")


def pebble_pool(scripts: Sequence[str], workers: int) -> Cost | None:
    """Run scripts in a warm pool of processes; None when pebble is not installed (`pip install genprm[bench]`)."""
    if importlib.util.find_spec("pebble") is None:
        return None
    from pebble import ProcessPool

    cost = Cost()
    with ProcessPool(workers, context=multiprocessing.get_context("spawn")) as pool:
        # Each worker takes its share of these, so that all of them have seen most templates.
        concurrent.futures.wait([pool.schedule(_one, [script]) for script in warming() * 2 * workers])

        def one(script: str) -> None:
            pool.schedule(_one, [script], timeout=SECONDS).result()

        _at_once(one, scripts, workers, cost)
    return cost


def _one(script: str) -> None:
    _execute(script, {"__name__": "__main__"})


def fresh_interpreters(scripts: Sequence[str], workers: int) -> Cost:
    """Run every script in a new interpreter, `workers` at a time."""

    def one(script: str) -> None:
        subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, check=False)

    cost = Cost()
    _at_once(one, scripts, workers, cost)
    return cost


def _at_once(one: Callable[[str], None], scripts: Sequence[str], workers: int, cost: Cost) -> None:
    def timed(script: str) -> None:
        start = time.perf_counter()
        one(script)
        cost.blocks.append(time.perf_counter() - start)

    began, used = time.perf_counter(), cpu_seconds()
    with concurrent.futures.ThreadPoolExecutor(workers) as threads:
        list(threads.map(timed, scripts))
    cost.seconds, cost.cpu_seconds = time.perf_counter() - began, cpu_seconds() - used
