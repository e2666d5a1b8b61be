"""A policy without a model: right with a chance that depends on the problem."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence

from genprm.engines.base import Completion, Sampling
from genprm.records import Message, Problem, Provenance

STEPS = 4


def problem(number: int) -> Problem:
    """A problem that the policy solves in `number` mod 10 of 9 samples: of ten one is too hard and one too easy."""
    return Problem(f"p{number}", f"What is {number} + {number}?", str(2 * number), "test")


class ChancePolicy:
    """Writes four steps of 250 characters. A completion follows from prompt, seed and its number; it counts 9
    tokens of a prompt and 5 for each step that it writes."""

    provenance = Provenance("chance", "1", "raw")

    def __init__(self, model: str = "policy") -> None:
        self.model = model
        self.requests = self.tokens = 0
        self.in_flight = self.most = 0

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return messages[-1].content + str(prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.requests += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        for _ in range(1 + sampling.seed % 3):  # requests overtake one another
            await asyncio.sleep(0)
        self.in_flight -= 1
        completions = [self._completion(prompt, f"{prompt} {sampling.seed} {i}") for i in range(n)]
        self.tokens += sum(completion.tokens for completion in completions)
        return completions

    def _completion(self, prompt: str, draw: str) -> Completion:
        digest = hashlib.sha256(draw.encode())
        asked = re.search(r"What is (\d+)", prompt)
        number = int(asked[1]) if asked else 0
        steps = range(prompt.count("Step ") + 1, STEPS + 1)
        text = "".join(f" {4 * digest.hexdigest()[:60]}\n\nStep {step}:" for step in steps)
        right = digest.digest()[0] % 9 < number % 10
        return Completion(f"{text} \\boxed{{{2 * number + (not right)}}}", 5 * len(steps) + 5, "stop", None, 9)

    async def close(self) -> None: ...
