"""A run of `solutions` and `mc_scores`, of `rationales`, or of searches, on scripted models, which kills itself in
the middle when told to.

`python -m tests.genprm.interrupted_run WORK FOLDER MOMENT`: the process dies by SIGKILL when the engine has
answered MOMENT requests (0: never). Each request that is asked is noted in FOLDER/asked. A whole run of WORK
"scores" leaves the tables of solutions and of their scores; "rationales" reads the first and leaves that of
rationales; "searches" leaves that of what was found.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from genprm.domains.mathematics import MATHEMATICS
from genprm.engines.base import Completion, Sampling
from genprm.journal import Codec, Journal, finish, row_key
from genprm.modes import Mode
from genprm.monte_carlo import score_steps
from genprm.rationales import ONE_PATH, judge_solution
from genprm.records import Message, Problem, Rationale, SampledProblem, Solution, StepScores
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.search.base import Searcher
from genprm.search.budgets import Budget, SearchedProblem, search_problem
from genprm.search.roles import GenerativeJudge, JournaledPolicy, StepJournal
from genprm.settings import (
    GuidedSearchSettings,
    MonteCarloSettings,
    SearchSettings,
    SolutionSettings,
    VerifierSettings,
)
from genprm.solutions import sample_solutions
from genprm.step_sampler import StepSampler
from genprm.tables import from_dict, read_rows, record_codec, write_rows
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, reply

IN_FLIGHT = 3
PROBLEMS = [Problem(f"p{n}", f"What is {n} + {n}?", str(2 * n), "test") for n in range(8)]


class Death:
    """Notes every request, and comes with the last of `moment` answers."""

    def __init__(self, folder: Path, moment: int) -> None:
        self._asked = (folder / "asked").open("a")
        self._left = moment

    async def waits(self, prompt: str, sampling: Sampling, n: int) -> None:
        """The time that an answer takes; requests overtake one another."""
        print(hashlib.sha256(prompt.encode()).hexdigest(), sampling.seed, n, file=self._asked, flush=True)
        await asyncio.sleep(0.001 * (sampling.seed % 3))
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Policy:
    """Right with a chance that depends on the prompt; every completion follows from prompt, seed and its number."""

    model = "policy"

    def __init__(self, death: Death) -> None:
        self._death = death

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return messages[-1].content + str(prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        await self._death.waits(prompt, sampling, n)
        number = int(prompt.split()[2])
        ease = hashlib.sha256(prompt.encode()).digest()[0] / 255
        return [self._solution(2 * number, f"{prompt}|{sampling.seed}|{i}", ease) for i in range(n)]

    def _solution(self, answer: int, draw: str, ease: float) -> Completion:
        digest = hashlib.sha256(draw.encode()).digest()
        right = digest[0] / 256 < 0.2 + 0.7 * ease
        steps = "".join(f" work {digest[n]}\n\nStep {n + 2}:" for n in range(2 + digest[1] % 3))
        return Completion(f"{steps} \\boxed{{{answer if right else answer + 1}}}", 9, "stop")

    async def close(self) -> None: ...


class StepPolicy(Policy):
    """Writes a step at a time; the third one ends with an answer, which is right now and then."""

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        await self._death.waits(prompt, sampling, n)
        return [self._step(prompt, f"{prompt}|{sampling.seed}|{i}", sampling.stop[0]) for i in range(n)]

    def _step(self, prompt: str, draw: str, stop: str) -> Completion:
        digest = hashlib.sha256(draw.encode()).digest()
        if prompt.count("Step ") < 3:
            return Completion(f" work {digest[0] % 8}{stop}", 9, "stop", stop)
        return Completion(f" \\boxed{{{2 * int(prompt.split()[2]) + digest[0] % 2}}}", 9, "stop")


class Judge(ScriptedEngine):
    """Analyses and checks every step; right or wrong by a hash of all that was said."""

    def __init__(self, death: Death) -> None:
        super().__init__(reply, _verdict, model="judge")
        self._death = death

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        await self._death.waits(prompt, sampling, n)
        return await super().complete(prompt, sampling, n)


def _verdict(prompt: str) -> dict[str, float]:
    yes = 0.3 + 0.65 * hashlib.sha256(prompt.encode()).digest()[0] / 255
    return {"Yes": math.log(yes), "No": math.log(1 - yes)}


async def judge(folder: Path, death: Death) -> None:
    solutions = read_rows(Solution, folder / "solutions.parquet")
    verifier = Verifier(Judge(death), EchoSandbox(), VerifierSettings())
    model = GenPRMRewardModel(verifier, Mode.FULL, ONE_PATH)
    with Journal(folder / "judged") as journal:
        rows: list[Rationale] = await finish(
            journal,
            [row_key("rationale", solution.id) for solution in solutions],
            lambda index: judge_solution(solutions[index], model),
            record_codec(Rationale),
            in_flight=IN_FLIGHT,
        )
    write_rows(Rationale, rows, folder / "rationales.parquet")


async def score(folder: Path, death: Death) -> None:
    policy = Policy(death)
    sampling = SolutionSettings(batch=4, max_samples=32)
    scoring = MonteCarloSettings(estimator="sequential")
    with (
        MATHEMATICS.grader() as grader,
        Journal(folder / "solutions") as paths,
        Journal(folder / "scores") as scores,
    ):
        sampled: list[tuple[SampledProblem, list[Solution]]] = await finish(
            paths,
            [row_key("problem", problem.id) for problem in PROBLEMS],
            lambda index: sample_solutions(PROBLEMS[index], policy, sampling, grader, paths),
            Codec(
                lambda pair: [dataclasses.asdict(pair[0]), [dataclasses.asdict(row) for row in pair[1]]],
                lambda value: (from_dict(SampledProblem, value[0]), [from_dict(Solution, row) for row in value[1]]),
            ),
            in_flight=IN_FLIGHT,
        )
        solutions = [solution for _, kept in sampled for solution in kept]
        rows: list[StepScores] = await finish(
            scores,
            [row_key("solution", solution.id) for solution in solutions],
            lambda index: score_steps(solutions[index], policy, scoring, grader, scores),
            record_codec(StepScores),
            in_flight=IN_FLIGHT,
        )
    write_rows(Solution, solutions, folder / "solutions.parquet")
    write_rows(StepScores, rows, folder / "mc_scores.parquet")


METHODS = ("best-of-n", "beam", "particles", "puct", "reset")
SEARCHING = GuidedSearchSettings(how=SearchSettings(width=2, children=2, sure_no=0.5))


async def search(folder: Path, death: Death) -> None:
    """Each problem by several methods on two budgets, many at a time."""
    settings = SolutionSettings(system=None)
    searches = [
        (problem, method, Budget(factor, 250 * factor))
        for problem in PROBLEMS[:4]
        for method in METHODS
        for factor in (1, 4)
    ]
    with MATHEMATICS.grader() as grader, Journal(folder / "searches") as journal:
        steps = StepJournal(journal)
        policy = JournaledPolicy(StepSampler(StepPolicy(death), settings), settings, steps)
        verifier = Verifier(Judge(death), EchoSandbox(), VerifierSettings())
        searcher = Searcher(policy, GenerativeJudge(verifier, Mode.FULL, 1, steps), grader.answers)

        async def found(index: int) -> SearchedProblem:
            problem, method, budget = searches[index]
            return await search_problem(searcher, problem, method, budget, SEARCHING)

        rows: list[SearchedProblem] = await finish(
            journal,
            [row_key("found", problem.id, method, budget) for problem, method, budget in searches],
            found,
            record_codec(SearchedProblem),
            in_flight=IN_FLIGHT,
        )
    write_rows(SearchedProblem, rows, folder / "searched.parquet")


WORK = {"scores": score, "rationales": judge, "searches": search}

if __name__ == "__main__":
    work, folder, moment = WORK[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
    asyncio.run(work(folder, Death(folder, moment)))
