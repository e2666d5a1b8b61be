"""A judge without a model: it calls a step wrong when the step's text says "wrong"."""

from __future__ import annotations

import math

from genprm.sandbox.base import Execution, Session
from tests.genprm.scripted_engine import ScriptedEngine

VERDICT_DUE = "\\boxed{"


class EchoSession:
    """Pretends to have run the code: the output is the code's length."""

    async def run(self, code: str) -> Execution:
        return Execution("ok", str(len(code)), seconds=0.0)

    async def close(self) -> None:
        return None


class EchoSandbox:
    level = 2

    def __init__(self) -> None:
        self.closed = False

    def session(self) -> Session:
        return EchoSession()

    def description(self) -> dict[str, object]:
        return {"level": self.level}

    async def close(self) -> None:
        self.closed = True


def last_step(prompt: str) -> str:
    return prompt.rpartition("<|user|>\n")[2].partition("<|end|>")[0]


def reply(prompt: str) -> str:
    if prompt.endswith(VERDICT_DUE):
        return "No" if "wrong" in last_step(prompt) else "Yes"
    if prompt.endswith("step by step: "):
        return "Looks so.\n</analyze>\n"
    if prompt.endswith("```python\n"):
        return "print(1)\n```\n"
    return "</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"


def verdict(prompt: str) -> dict[str, float]:
    yes = 0.1 if "wrong" in last_step(prompt) else 0.8
    return {"Yes": math.log(yes), "No": math.log(0.9 - yes)}


def judge_engine() -> ScriptedEngine:
    """Yes has 8 of 9 parts of the probability for a right step, 1 of 9 for a wrong one."""
    return ScriptedEngine(reply, verdict)
