"""A judge whose verdicts and printed outputs depend on all that came before, and a sandbox in this process."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
from typing import Any

from genprm.sandbox.base import Execution, Session
from tests.genprm.scripted_engine import ScriptedEngine


class PythonSession:
    """An interpreter in this process."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.runs = 0

    async def run(self, code: str) -> Execution:
        self.runs += 1
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                exec(code, self.names)
            except Exception as error:
                print(f"{type(error).__name__}: {error}")
                return Execution("error", printed.getvalue(), 0.0)
        return Execution("ok", printed.getvalue(), 0.0)

    async def close(self) -> None: ...


class PythonSandbox:
    level = 0

    def __init__(self) -> None:
        self.sessions: list[PythonSession] = []

    def session(self) -> Session:
        self.sessions.append(PythonSession())
        return self.sessions[-1]

    def description(self) -> dict[str, object]:
        return {}

    async def close(self) -> None: ...


REMEMBERS = "seen = [*globals().get('seen', []), 'step']\nprint(len(seen))\n```\n"
"""Code whose output depends on what ran before it."""


def remembering_engine() -> ScriptedEngine:
    """Its probability of Yes depends on the whole conversation, the printed outputs among it."""

    def reply(prompt: str) -> str:
        if prompt.endswith("step by step: "):
            return "Looks so.\n</analyze>\n"
        if prompt.endswith("```python\n"):
            return REMEMBERS
        return "</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"

    def verdict(prompt: str) -> dict[str, float]:
        yes = hashlib.sha256(prompt.encode()).digest()[0] / 256 * 0.9 + 0.01
        return {"Yes": math.log(yes), "No": math.log(0.92 - yes)}

    return ScriptedEngine(reply, verdict)
