"""How fast solutions are sampled and rolled out, compared with what the engine could do.

- solutions: problems are sampled, a batch at a time, until enough paths are right and enough are wrong.
- rollouts: the steps of these solutions are scored as the profile says.
- ceiling of each: its requests once more, all submitted at once, with nothing graded, decided or kept.

As in a run, as many problems or solutions are in flight as the engine takes requests, every answer is graded, and
every finished batch goes to a journal on disk.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from genprm.domains.base import Grader
from genprm.engines import open_engine
from genprm.engines.base import Engine
from genprm.journal import Codec, Journal, finish
from genprm.monte_carlo import score_steps
from genprm.records import Problem, Solution, StepScores
from genprm.registry import domain_of
from genprm.settings import Profile
from genprm.solutions import sample_solutions
from genprm.speed.recorded import Recorded, at_once, measured_with
from genprm.speed.tables import Cell
from genprm.speed.usage import Usage, speed_beside

Item = TypeVar("Item")
T = TypeVar("T")
NEEDS_THE_WORKER = ("x+1/2", "1/2+x")
"""Answers that only algebra finds equal."""


@dataclass(frozen=True, slots=True)
class Run:
    """The work of one way and its cost; `reuse` is the share of prompt tokens that came from a cached prefix."""

    name: str
    requests: int
    samples: int
    tokens: int
    usage: Usage
    reuse: float | None


def compare(open_engine: Callable[[str], Engine], profile: Profile, problems: Sequence[Problem]) -> list[Run]:
    """Solutions, their ceiling, rollouts, their ceiling; each with an engine of its own that has not seen the work
    before."""
    sampling, scoring, limit = profile.solutions, profile.monte_carlo, profile.engine.max_in_flight
    with domain_of(profile.problems.source).grader() as grader:
        asyncio.run(_wake(grader))

        async def sample(problem: Problem, engine: Engine, journal: Journal) -> list[Solution]:
            return (await sample_solutions(problem, engine, sampling, grader, journal))[1]

        async def score(solution: Solution, engine: Engine, journal: Journal) -> StepScores:
            return await score_steps(solution, engine, scoring, grader, journal)

        kept, of_solutions = _measure("solutions", lambda: open_engine(sampling.model), problems, sample, limit)
        solutions = [solution for some in kept for solution in some]
        _, of_rollouts = _measure("rollouts", lambda: open_engine(scoring.model), solutions, score, limit)
    return [*of_solutions, *of_rollouts]


def _measure(
    name: str,
    open_engine: Callable[[], Engine],
    items: Sequence[Item],
    work: Callable[[Item, Engine, Journal], Awaitable[T]],
    in_flight: int,
) -> tuple[list[T], list[Run]]:
    """Do the work on all items as an asset does it, then submit its requests at once."""
    opened = open_engine()
    engine = Recorded(opened)
    results: dict[int, T] = {}
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "rows.jsonl") as journal:

        async def one(index: int) -> int:
            results[index] = await work(items[index], engine, journal)
            return index

        async def everything() -> None:
            keys = [f"{name} {index}" for index in range(len(items))]
            await finish(journal, keys, one, Codec(int, int), in_flight=in_flight)

        _, usage, reuse = measured_with(opened, everything)
    again = open_engine()
    done, usage_at_once, reuse_at_once = measured_with(again, lambda: at_once(again, engine.requests))
    size = (len(engine.requests), len(done), sum(completion.tokens for completion in done))
    runs = [Run(name, *size, usage, reuse), Run(f"{name}, ceiling", *size, usage_at_once, reuse_at_once)]
    return [results[index] for index in range(len(items))], runs


async def _wake(grader: Grader) -> bool:
    """Start the process that compares answers before anything is measured."""
    return await grader.answers.same(*NEEDS_THE_WORKER)


def table(runs: Sequence[Run]) -> list[dict[str, Cell]]:
    """A row per way: speeds, and how they compare with the ceiling in the row below."""
    return [row for real, ceiling in zip(runs[::2], runs[1::2], strict=True) for row in _rows(real, ceiling)]


def _rows(real: Run, ceiling: Run) -> list[dict[str, Cell]]:
    return [
        {
            "way": run.name,
            "requests": run.requests,
            "samples": run.samples,
            "tokens": run.tokens,
            **speed_beside(run.tokens, run.usage, ceiling.usage),
            "prefix hits %": None if run.reuse is None else 100 * run.reuse,
            "peak MB": run.usage.peak_mb,
        }
        for run in (real, ceiling)
    ]


def measure(profile: Profile, problems: Sequence[Problem]) -> tuple[str, list[dict[str, Cell]], list[str]]:
    """Title, rows and notes of the table, with the models and the engine of `profile`."""
    runs = compare(lambda model: open_engine(model, profile.engine), profile, problems)
    title = f"{len(problems)} problems, {profile.monte_carlo.estimator} K, engine {profile.engine.backend}"
    notes = [
        "ceiling: the same requests, submitted at once; nothing is graded, decided or written down.",
        "of ceiling %: of its speed, in wall time; CPU also counts the process that compares answers.",
    ]
    return title, table(runs), notes
