"""The process that holds one copy of a model for `genprm.engines.copies.processes`: JSON lines in, JSON lines out.

In: `{"id", "prompt": [text, controls], "sampling", "n"}`, or `{"cancel": id}`. Out: first `{"provenance"}` or
`{"error"}`; then for each id `{"completions"}` or `{"error", "kind"}`, with the prompt tokens seen and reused so
far. The process ends when its input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from genprm.engines.base import Completion, ContextFull, EngineDead, EngineError, Sampling
from genprm.engines.prompts import Prompt
from genprm.quick_start import collect_seldom
from genprm.settings import EngineSettings

LONGEST = 2**30
"""Bytes that a line may have."""

KINDS = {kind.__name__: kind for kind in (ContextFull, EngineDead, EngineError)}
"""The errors that go from process to process, by name; what is none of the first two goes as the last."""

Say = Callable[[Mapping[str, Any]], None]


def prompt_fields(prompt: str) -> list[Any]:
    """A prompt as JSON values: its text and the spans of its control tokens, which are None for a plain string."""
    return [str(prompt), prompt.controls if isinstance(prompt, Prompt) else None]


def prompt_of(text: str, controls: Sequence[Sequence[int]] | None) -> str:
    """The prompt that `prompt_fields` made JSON values of."""
    return text if controls is None else Prompt(text, tuple((begin, end) for begin, end in controls))


def completion_of(fields: Mapping[str, Any]) -> Completion:
    """A completion from its JSON values."""
    return Completion(**{**fields, "top_logprobs": tuple(fields["top_logprobs"])})


async def serve(engine: Any, lines: asyncio.StreamReader, say: Say) -> None:
    """Answer requests with the engine until there are no more lines; then close it."""
    tasks: dict[int, asyncio.Task[None]] = {}
    while line := await lines.readline():
        request = json.loads(line)
        if "cancel" in request:
            if request["cancel"] in tasks:
                tasks[request["cancel"]].cancel()
            continue
        number = request["id"]
        tasks[number] = asyncio.ensure_future(_answer(engine, request, say))
        tasks[number].add_done_callback(lambda _, number=number: tasks.pop(number))  # type: ignore[misc]
    for task in tasks.values():
        task.cancel()
    await engine.close()


async def _answer(engine: Any, request: Mapping[str, Any], say: Say) -> None:
    sampling = Sampling(**{**request["sampling"], "stop": tuple(request["sampling"]["stop"])})
    try:
        completions = await engine.complete(prompt_of(*request["prompt"]), sampling, request["n"])
        answer: dict[str, Any] = {"completions": [asdict(completion) for completion in completions]}
    except EngineError as error:
        kind = next(name for name, kind in KINDS.items() if isinstance(error, kind))
        answer = {"error": str(error), "kind": kind}
    counts = {"seen": engine.prompt_tokens_seen, "reused": engine.prefix_tokens_reused}
    say({"id": request["id"], **answer, **counts})


async def _run(model: str, settings: EngineSettings, say: Say) -> None:
    from genprm.engines import open_engine

    lines = asyncio.StreamReader(limit=LONGEST)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    try:
        engine = open_engine(model, settings)
    except EngineError as error:
        say({"error": str(error)})
        return
    say({"provenance": asdict(engine.provenance)})
    await serve(engine, lines, say)


def main() -> None:
    collect_seldom()
    model, settings = sys.argv[1:]
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What a library prints must not get between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(message: Mapping[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")
        answers.flush()

    asyncio.run(_run(model, EngineSettings.model_validate_json(settings), say))


if __name__ == "__main__":
    main()
