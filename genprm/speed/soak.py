"""Many executions, some of them hostile: is any result lost, late or of another block, and is any process left?"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Execution, Sandbox
from genprm.sandbox.inside.clock import GRACE_SECONDS
from genprm.settings import SandboxSettings
from genprm.speed.tables import Cell

HOSTILE_SHARE = 0.01
PATHS_AT_ONCE = 16
_LATE_SECONDS = 2.0
"""How much longer than its limits a block may take, on a machine that does other work as well."""

_HOSTILE = {
    "died": "import os\nos._exit(0)",
    "died by abort": "import os\nos.abort()",
    "error by fork": "import os\nos.fork()",
    "error by memory": "x = bytearray(2**40)",
    "error by file": "open('/etc/passwd')",
    "error by signal": "import os\nos.kill(-1, 9)",
    "timeout": "while True: pass",
    "killed_timeout": "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass",
    "killed_output": "import os\nwhile True: os.write(1, b'x' * 65536)",
    "protocol_violation": "import os\nos.write(3, b'\\xff' * 64)",
}
"""Scripts by kind; the first word of a kind is the status that the script ends with."""


@dataclass(slots=True)
class Soak:
    """The outcome of the executions. `wrong` describes each result that was not as it should be."""

    level: int = 0
    executions: int = 0
    hostile: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    processes_left: int = 0


def row(result: Soak) -> dict[str, Cell]:
    """The figures of a soak, and the number of blocks per status and state."""
    return {
        "level": result.level,
        "executions": result.executions,
        "hostile": result.hostile,
        "seconds": result.seconds,
        "wrong": len(result.wrong),
        "processes left": result.processes_left,
        **dict(sorted(result.statuses.items())),
        **dict(sorted(result.states.items())),
    }


async def soak(settings: SandboxSettings, executions: int, seed: int = 0) -> Soak:
    """Run `executions` blocks in paths of four, one in a hundred of them hostile, `PATHS_AT_ONCE` at a time.

    Every ordinary block prints its own number and the sum of the numbers that earlier blocks left. This reveals a
    result of another block or path, and a state that is not the reported one.
    """
    result = Soak()
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    sandbox = open_sandbox(settings)
    result.level = sandbox.level
    rng = random.Random(seed)
    paths = iter([[_draw(rng) for _ in range(4)] for _ in range(executions // 4)])
    began = time.monotonic()

    async def walk() -> None:
        for path in paths:
            await _Path(sandbox, settings, result).run(path)

    try:
        await asyncio.gather(*(walk() for _ in range(PATHS_AT_ONCE)))
        result.seconds = time.monotonic() - began
    finally:
        await sandbox.close()
    await asyncio.sleep(GRACE_SECONDS)
    left = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    result.processes_left = len(left)
    return result


def _draw(rng: random.Random) -> str | None:
    """The kind of a hostile block, or None for an ordinary one."""
    return rng.choice(list(_HOSTILE)) if rng.random() < HOSTILE_SHARE else None


class _Path:
    """One session; `expected` is the list that its interpreter should hold."""

    def __init__(self, sandbox: Sandbox, settings: SandboxSettings, result: Soak) -> None:
        self._session = sandbox.session()
        self._limit = settings.wall_factor * settings.seconds + GRACE_SECONDS + _LATE_SECONDS
        self._result = result
        self._expected: list[int] = []

    async def run(self, kinds: list[str | None]) -> None:
        for kind in kinds:
            number = self._result.executions
            self._result.executions += 1
            if kind is None:
                await self._ordinary(number)
            else:
                await self._hostile(kind)
        await self._session.close()

    async def _ordinary(self, number: int) -> None:
        code = f"seen = globals().get('seen', [])\nseen.append({number})\nprint({number}, sum(seen))"
        execution = await self._execute(code)
        if execution.state == "lost":
            self._expected = []
        self._expected.append(number)
        if (execution.status, execution.output) != ("ok", f"{number} {sum(self._expected)}\n"):
            self._result.wrong.append(f"block {number}: {execution}")

    async def _hostile(self, kind: str) -> None:
        self._result.hostile += 1
        execution = await self._execute(_HOSTILE[kind])
        # On a busy machine the time limit may come before the limit that the script is meant to hit.
        if execution.status not in (kind.split()[0], "timeout", "killed_timeout"):
            self._result.wrong.append(f"{kind}: {execution}")
        if execution.state == "lost" or execution.status == "protocol_violation":
            self._expected = []

    async def _execute(self, code: str) -> Execution:
        execution = await self._session.run(code)
        self._result.statuses[execution.status] += 1
        self._result.states[execution.state] += 1
        if execution.seconds > self._limit:
            self._result.wrong.append(f"late by {execution.seconds - self._limit:.1f} s: {execution}")
        return execution
