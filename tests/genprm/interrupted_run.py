"""A run of `solutions` and `mc_scores` on a scripted policy, which kills itself in the middle when told to.

`python -m tests.genprm.interrupted_run FOLDER MOMENT`: the process dies by SIGKILL when the engine has answered
MOMENT requests (0: never). Each request that is asked is noted in FOLDER/asked. A whole run leaves the two tables.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genprm.answers import AnswerChecker
from genprm.engines.base import Completion, Sampling
from genprm.journal import Journal, finish, row_key
from genprm.monte_carlo import score_steps
from genprm.records import Message, Problem, SampledProblem, Solution, StepScores, from_dict, write_rows
from genprm.settings import MonteCarloSettings, SolutionSettings
from genprm.solutions import sample_solutions

IN_FLIGHT = 3
PROBLEMS = [Problem(f"p{n}", f"What is {n} + {n}?", str(2 * n), "test") for n in range(8)]


class Policy:
    """Right with a chance that depends on the prompt; every completion follows from prompt, seed and its number."""

    model = "policy"

    def __init__(self, folder: Path, moment: int) -> None:
        self._asked = (folder / "asked").open("a")
        self._left = moment

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return messages[-1].content + str(prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        print(hashlib.sha256(prompt.encode()).hexdigest(), sampling.seed, n, file=self._asked, flush=True)
        await asyncio.sleep(0.001 * (sampling.seed % 3))
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        number = int(prompt.split()[2])
        ease = hashlib.sha256(prompt.encode()).digest()[0] / 255
        return [self._solution(2 * number, f"{prompt}|{sampling.seed}|{i}", ease) for i in range(n)]

    def _solution(self, answer: int, draw: str, ease: float) -> Completion:
        digest = hashlib.sha256(draw.encode()).digest()
        right = digest[0] / 256 < 0.2 + 0.7 * ease
        steps = "".join(f" work {digest[n]}\n\nStep {n + 2}:" for n in range(2 + digest[1] % 3))
        return Completion(f"{steps} \\boxed{{{answer if right else answer + 1}}}", 9, "stop")

    async def close(self) -> None: ...


async def run(folder: Path, policy: Policy) -> None:
    sampling = SolutionSettings(batch=4, max_samples=32)
    scoring = MonteCarloSettings(estimator="sequential")
    with AnswerChecker() as answers, Journal(folder / "solutions") as paths, Journal(folder / "scores") as scores:
        sampled: list[tuple[SampledProblem, list[Solution]]] = await finish(
            paths,
            [row_key("problem", problem.id) for problem in PROBLEMS],
            lambda index: sample_solutions(PROBLEMS[index], policy, sampling, answers, paths),
            lambda pair: [dataclasses.asdict(pair[0]), [dataclasses.asdict(row) for row in pair[1]]],
            lambda value: (from_dict(SampledProblem, value[0]), [from_dict(Solution, row) for row in value[1]]),
            in_flight=IN_FLIGHT,
        )
        solutions = [solution for _, kept in sampled for solution in kept]
        rows: list[StepScores] = await finish(
            scores,
            [row_key("solution", solution.id) for solution in solutions],
            lambda index: score_steps(solutions[index], policy, scoring, answers, scores),
            dataclasses.asdict,
            _scores,
            in_flight=IN_FLIGHT,
        )
    write_rows(Solution, solutions, folder / "solutions.parquet")
    write_rows(StepScores, rows, folder / "mc_scores.parquet")


def _scores(value: Any) -> StepScores:
    return from_dict(StepScores, value)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Policy(Path(sys.argv[1]), int(sys.argv[2]))))
