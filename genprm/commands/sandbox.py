"""`genprm sandbox`: run code the way the verifier does, and say how well it is isolated."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from genprm.sandbox.base import Session
    from genprm.settings import SandboxSettings

Level = Annotated[
    int | None, typer.Option(help="Isolation level, 0 to 3.", show_default="the best this machine has")
]
Docker = Annotated[str | None, typer.Option(metavar="IMAGE", help="In a container of this image, at level 2.")]

app = typer.Typer(help="Run code the way the verifier does.", no_args_is_help=True)


@app.command("exec")
def execute(
    file: Annotated[str, typer.Argument(help='JSON lines {"conversation", "code"}; - is standard input.')] = "-",
    level: Level = None,
    docker: Docker = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line per block.")] = False,
) -> None:
    """Run blocks of Python in order; blocks of one conversation share their interpreter."""
    from genprm.commands.reading import read_objects
    from genprm.data_sets.rows import text_field
    from genprm.settings import SandboxSettings

    _check_level(level)
    blocks = [
        (text_field(row, "conversation", where, empty=True), text_field(row, "code", where, empty=True))
        for where, row in read_objects(file)
    ]
    asyncio.run(_print_all(blocks, SandboxSettings(level=level, docker=docker), as_json))


@app.command()
def doctor(
    level: Level = None,
    docker: Docker = None,
) -> None:
    """Say which isolation this machine has, try it, and name what a better level takes."""
    from genprm.sandbox import probe
    from genprm.settings import SandboxSettings

    _check_level(level)
    for primitive in probe.primitives():
        state = "missing" if primitive.problem else "ok"
        print(f"{state:8} {primitive.name:20} {primitive.problem or primitive.found}")
    for number in probe.NEEDS:
        asked = "" if number in (1, 2) else ", when asked for by number"
        print(probe.refusal(number) if probe.lacking(number) else f"sandbox level {number} can be had{asked}")
    asyncio.run(_try(SandboxSettings(level=level, docker=docker)))


async def _try(settings: SandboxSettings) -> None:
    """Open a sandbox, which tests itself, and print its level."""
    from genprm.sandbox import open_sandbox, selftest

    sandbox = open_sandbox(settings)
    try:
        execution = await sandbox.session().run("print(6 * 7)")
    finally:
        await sandbox.close()
    passed = sum(sandbox.level in attempt.levels for attempt in selftest.ATTEMPTS.values())
    print(f"sandbox level {sandbox.level} is used: {passed} attempts of the self-test ended as they should")
    print(f"a block printed {execution.output.strip()} and ended with {execution.status}")


def _check_level(level: int | None) -> None:
    from genprm.data_sets.rows import InputError

    if level is not None and level not in range(4):
        raise InputError(f"--level is {level}, allowed: 0, 1, 2, 3")


async def _print_all(blocks: list[tuple[str, str]], settings: SandboxSettings, as_json: bool) -> None:
    async for row in run_blocks(blocks, settings):
        print(json.dumps(row) if as_json else _for_people(row), flush=True)


def _for_people(row: dict[str, object]) -> str:
    kept = "" if row["state"] == "kept" else f", state {row['state']}"
    head = f"[{row['conversation']}] {row['status']} ({row['seconds']:.2f} s, level {row['level']}{kept})"
    text = "\n  ".join([head, *str(row["output"]).splitlines()])
    # The name of a conversation in JSON may hold a lone surrogate, and a terminal may only know ASCII.
    return text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)


async def run_blocks(blocks: list[tuple[str, str]], settings: SandboxSettings) -> AsyncIterator[dict[str, object]]:
    """Run (conversation, code) pairs in order; each conversation's interpreter is closed after its last block.

    Raises:
        SandboxError: the level asked for is not available, or the sandbox fails.
    """
    from genprm.sandbox import open_sandbox

    last = {conversation: number for number, (conversation, _) in enumerate(blocks)}
    sessions: dict[str, Session] = {}
    sandbox = open_sandbox(settings)
    try:
        for number, (conversation, code) in enumerate(blocks):
            if conversation not in sessions:
                sessions[conversation] = sandbox.session()
            done = await sessions[conversation].run(code)
            if last[conversation] == number:
                await sessions.pop(conversation).close()
            yield {
                "conversation": conversation,
                "status": done.status,
                "output": done.output,
                "level": sandbox.level,
                "state": done.state,
                "seconds": done.seconds,
            }
    finally:
        await sandbox.close()
