"""How model-written code is run: one small interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Status = Literal[
    "ok",
    "error",
    "exit",
    "timeout",
    "killed_timeout",
    "killed_output",
    "died",
    "protocol_violation",
    "sandbox_setup_failed",
]


class SandboxError(RuntimeError):
    """The isolation asked for is not available, or the sandbox itself failed (never the script's fault)."""


class ZygoteGoneError(SandboxError):
    """The process that sessions are forked from ended, and every session with it."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The result of one block. `output` is what the model sees: stdout, then `ending`, the line on how the block
    failed, if it did.

    `seconds` is the time that passed, in which the machine may have done other work too.
    """

    status: Status
    output: str
    seconds: float
    state: Literal["kept", "lost", "replayed"] = "kept"
    """What became of the names of earlier blocks: still there, gone, or made again by replaying the blocks."""
    ending: str = ""


class Session(Protocol):
    """The interpreter state of one verification path: names persist from block to block, never across paths."""

    async def run(self, code: str) -> Execution:
        """Run one block. Never raises for what the code does."""

    async def close(self) -> None:
        """Kill the session's processes."""


class Sandbox(Protocol):
    """A source of sessions at one isolation level (1 strongest, then 2 and 3; 0 is none)."""

    @property
    def level(self) -> int: ...

    def session(self) -> Session: ...

    def description(self) -> dict[str, object]:
        """What a run's record says of the sandbox: level, limits, versions of Python and of the loaded libraries.
        May start processes, so it must not be called from inside an event loop."""

    async def close(self) -> None:
        """Kill every session."""
