"""`genprm sandbox`: run code the way the verifier does."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from genprm.settings import SandboxSettings

app = typer.Typer(help="Run code the way the verifier does.", no_args_is_help=True)


@app.callback()
def sandbox() -> None:
    """Run code the way the verifier does."""


@app.command("exec")
def execute(
    file: Annotated[str, typer.Argument(help='JSON lines {"conversation", "code"}; - is standard input.')] = "-",
    level: Annotated[
        int | None, typer.Option(help="Isolation level, 0 to 3. [default: the best this machine has]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line per block.")] = False,
) -> None:
    """Run blocks of Python in order; blocks of one conversation share their interpreter."""
    from genprm.commands.reading import read_objects
    from genprm.fields import InputError, text_field
    from genprm.settings import SandboxSettings

    if level is not None and level not in range(4):
        raise InputError(f"--level is {level}, allowed: 0, 1, 2, 3")
    blocks = [
        (text_field(row, "conversation", where, empty=True), text_field(row, "code", where, empty=True))
        for where, row in read_objects(file)
    ]
    asyncio.run(_print_all(blocks, SandboxSettings(level=level), as_json))


async def _print_all(blocks: list[tuple[str, str]], settings: SandboxSettings, as_json: bool) -> None:
    async for row in _run(blocks, settings):
        if as_json:
            print(json.dumps(row), flush=True)
        else:
            kept = "" if row["state"] == "kept" else f", state {row['state']}"
            print(f"[{row['conversation']}] {row['status']} ({row['seconds']:.2f} s, level {row['level']}{kept})")
            print("".join(f"  {line}\n" for line in str(row["output"]).splitlines()), end="", flush=True)


async def _run(blocks: list[tuple[str, str]], settings: SandboxSettings) -> AsyncIterator[dict[str, object]]:
    from genprm.sandbox import open_sandbox

    sandbox = open_sandbox(settings)
    try:
        sessions = {conversation: sandbox.session() for conversation, _ in blocks}
        for conversation, code in blocks:
            done = await sessions[conversation].run(code)
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
