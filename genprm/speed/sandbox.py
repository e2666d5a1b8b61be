"""The cost of running code in the sandbox, compared with ways of running it that isolate less or not at all.

Every way runs the same scripts, warm: each has seen one script of every template before the clock starts.

- in-process: `exec` in one process, as the published implementation does; nothing is isolated.
- pebble: a pool of warm worker processes with a time limit; no state from step to step, nothing else isolated.
- fresh interpreter: one `python -I` per script, which imports sympy first, as scripts of verifiers do; and one that
  imports nothing, for trivial scripts.
- sandbox: `genprm.sandbox`, one session per verification path of several steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings
from genprm.speed.execution import (
    SECONDS,
    STEPS_PER_PATH,
    Cost,
    fresh_interpreters,
    in_process,
    paths,
    pebble_pool,
    warming,
)
from genprm.speed.tables import Cell
from genprm.speed.usage import cpu_seconds
from genprm.speed.verification_scripts import TRIVIAL, typical_scripts

FRESH_SHARE = 10
"""Fresh interpreters run one in this many typical scripts, and one in ten times as many trivial scripts."""

_WITH_SYMPY = "import sympy\n"
_QUIET_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Costs by way, for each kind of script; None for a way that is not installed."""

    typical: dict[str, Cost | None]
    trivial: dict[str, Cost | None]
    added: dict[str, Cost]
    """Trivial blocks one at a time, with a pause in which the next session is forked ahead."""


def compare(settings: SandboxSettings, levels: Sequence[int | None], steps: int) -> Comparison:
    """Run `steps` typical and ten times as many trivial scripts in every way; level None is the machine's best.

    Raises:
        SandboxError: a level is not available.
    """
    typical = typical_scripts(steps)
    trivial = [TRIVIAL] * (10 * steps)
    added: dict[str, Cost] = {}
    found: list[dict[str, Cost | None]] = []
    for scripts, share, preambles in (
        (typical, FRESH_SHARE, {"fresh interpreter with sympy": _WITH_SYMPY}),
        (trivial, 10 * FRESH_SHARE, {"fresh interpreter with sympy": _WITH_SYMPY, "fresh interpreter": ""}),
    ):
        ways: dict[str, Cost | None] = {"in-process": in_process(scripts)}
        ways[f"pebble, {settings.workers} workers"] = pebble_pool(scripts, settings.workers)
        for name, preamble in preambles.items():
            ways[name] = fresh_interpreters([preamble + script for script in scripts[::share]], settings.workers)
        for level in levels:
            asked = settings.model_copy(update={"level": level, "seconds": SECONDS})
            name, cost = asyncio.run(sandboxed(scripts, asked))
            ways[name] = cost
            if scripts is trivial:
                added |= asyncio.run(one_at_a_time(asked, min(200, steps)))
        found.append(ways)
    return Comparison(found[0], found[1], added)


async def sandboxed(scripts: Sequence[str], settings: SandboxSettings) -> tuple[str, Cost]:
    """Run paths of several steps, `workers` at a time, in sessions of a warm sandbox. Return the way's name and its
    cost."""
    cost = Cost()
    sandbox = open_sandbox(settings)
    try:
        await _warm(sandbox)
        waiting = iter(list(paths(scripts)))
        used, began = cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(_walk(sandbox, waiting, cost) for _ in range(settings.workers)))
        cost.seconds = time.perf_counter() - began
        await _wait_for_idle()
        cost.cpu_seconds = cpu_seconds() - used
    finally:
        await sandbox.close()
    return f"sandbox level {sandbox.level}, {settings.workers} workers", cost


async def _walk(sandbox: Sandbox, waiting: Iterator[Sequence[str]], cost: Cost) -> None:
    for path in waiting:
        session = sandbox.session()
        for script in path:
            start = time.perf_counter()
            await session.run(script)
            cost.blocks.append(time.perf_counter() - start)
        await session.close()


async def one_at_a_time(settings: SandboxSettings, blocks: int) -> dict[str, Cost]:
    """Run trivial blocks without others at the same time: the first of a session, and a later one."""
    first, later = Cost(), Cost()
    sandbox = open_sandbox(settings)
    try:
        await _warm(sandbox)
        for _ in range(blocks):
            await asyncio.sleep(0.02)
            session = sandbox.session()
            for cost in (first, later):
                start = time.perf_counter()
                await session.run(TRIVIAL)
                cost.blocks.append(time.perf_counter() - start)
            await session.close()
    finally:
        await sandbox.close()
    name = f"sandbox level {sandbox.level}"
    return {f"{name}, first block of a session forked ahead": first, f"{name}, a later block": later}


async def _warm(sandbox: Sandbox) -> None:
    """Run one script of every template, and wait until the zygotes have nothing left to warm or to fork ahead."""
    for script in warming():
        session = sandbox.session()
        await session.run(script)
        await session.close()
    await _wait_for_idle()


async def _wait_for_idle() -> None:
    used = -1.0
    while cpu_seconds() - used > 0.02:
        used = cpu_seconds()
        await asyncio.sleep(_QUIET_SECONDS)


def rows(comparison: Comparison) -> list[dict[str, Cell]]:
    """One row for each kind of scripts and way; ratios are to the rows of the same kind."""
    kinds = {"typical": comparison.typical, "trivial": comparison.trivial}
    table = [_row(kind, way, cost, ways) for kind, ways in kinds.items() for way, cost in ways.items()]
    return table + [
        {"scripts": "trivial", "way": way, "p50 ms": cost.quantile_ms(50), "p95 ms": cost.quantile_ms(95)}
        for way, cost in comparison.added.items()
    ]


def _row(kind: str, way: str, cost: Cost | None, ways: dict[str, Cost | None]) -> dict[str, Cell]:
    if cost is None:
        return {"scripts": kind, "way": f"{way}: not installed"}
    plain, fresh = ways["in-process"], ways["fresh interpreter with sympy"]
    assert plain is not None
    assert fresh is not None
    return {
        "scripts": kind,
        "way": way,
        "executions/s": cost.per_second(),
        "p50 ms": cost.quantile_ms(50),
        "p95 ms": cost.quantile_ms(95),
        "CPU ms": cost.cpu_ms(),
        "CPU / in-process": cost.cpu_ms() / plain.cpu_ms(),
        "rate / fresh": cost.per_second() / fresh.per_second(),
    }


def notes(steps: int) -> list[str]:
    """Notes below the table."""
    return [
        f"{steps} typical and {10 * steps} trivial scripts, {STEPS_PER_PATH} to a path; fresh interpreters run a "
        f"part of them (one in {FRESH_SHARE}, one in {10 * FRESH_SHARE}).",
        "p50 and p95 are of one block, from being handed over to its result. CPU ms is processor time per block in "
        "all processes: sessions, those forked ahead, and the zygote count.",
    ]
