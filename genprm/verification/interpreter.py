"""The code of one verification path: names persist from block to block, and pass to a fork of the path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from genprm.sandbox.base import Execution, Sandbox, Session

Block = tuple[str, Execution]
"""Code, and what running it gave."""

_FINISHED = ("ok", "error", "exit")
_OUT_OF_TIME = ("timeout", "killed_timeout")
_TIME_OUT = "Code execute time out: Code execution timed out"


def released_output(execution: Execution) -> str:
    r"""What the released code shows of a block: its printed output, stripped, or only the line that says how it
    failed.

    Source: `CodeExecutor.execute` of GenPRM's repository.

    >>> released_output(Execution("ok", "\n  7\n\n", 0.1))
    '7'
    >>> released_output(Execution("timeout", "7\nCode execute time out: 5 seconds", 5.0))
    'Code execute time out: Code execution timed out'
    """
    if execution.status in _OUT_OF_TIME:
        return _TIME_OUT
    failed = execution.status not in ("ok", "exit")
    return (execution.ending if failed and execution.ending else execution.output).strip()


class Interpreter:
    """A session of the sandbox, opened when the first block is run.

    A process cannot be copied, so a fork opens a session of its own and runs the earlier blocks again that ran to
    their end, as a session does when its process is gone. If one of them now ends or prints differently (it read a
    clock, say), the fork goes on without the names of any of them.
    """

    def __init__(self, sandbox: Sandbox | None, before: Sequence[Block] = ()) -> None:
        self._sandbox = sandbox
        self._blocks = list(before)
        self._session: Session | None = None

    async def run(self, code: str) -> Execution:
        """Run one block.

        Raises:
            SandboxError: as raised by the session.
        """
        if self._session is None:
            self._session = await self._open()
        execution = await self._session.run(code)
        if execution.state == "lost" or execution.status == "protocol_violation":
            self._blocks.clear()
        if execution.status in _FINISHED:
            self._blocks.append((code, execution))
        return execution

    async def _open(self) -> Session:
        assert self._sandbox is not None
        session = self._sandbox.session()
        for code, before in self._blocks:
            again = await session.run(code)
            if (again.status, again.output) != (before.status, before.output):
                await session.close()
                self._blocks.clear()
                return self._sandbox.session()
        return session

    @property
    def blocks(self) -> list[Block]:
        """The blocks that its names come from, in order."""
        return list(self._blocks)

    def take(self, blocks: Iterable[Block]) -> None:
        """Go on with the names that these blocks define, in place of its own. Only before it has run a block."""
        assert self._session is None
        self._blocks = list(blocks)

    def fork(self) -> Interpreter:
        """Return another interpreter with the same names."""
        return Interpreter(self._sandbox, self._blocks)

    async def close(self) -> None:
        """Close the session, if one was opened."""
        if self._session is not None:
            await self._session.close()
