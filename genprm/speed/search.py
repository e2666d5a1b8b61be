"""How much of the speed of its engines a search reaches, and how much its judge reads besides the new step.

- search: one round of a method for all problems at once. As in a run, every step goes to a journal on disk, and
  the judge's code is run.
- ceiling: the requests of policy and judge once more, all submitted at once: plain batch generation of the same
  prompts and outputs, in which nothing is compared, run or kept.

Judging a step needs the tokens that its conversation grows by: the step with the template around it, what code
printed, and what the judge writes. A judge that reads more than these reads something a second time.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genprm.engines import open_engine
from genprm.engines.base import Completion, Engine
from genprm.event_loops import together
from genprm.journal import Journal
from genprm.miniature.world.generation import generate_problems
from genprm.modes import Mode
from genprm.prm import check_mode
from genprm.profiles import MachineSettings
from genprm.registry import DOMAINS
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.search.base import known_method
from genprm.search.roles import (
    GenerativeJudge,
    JournaledPolicy,
    JudgedPath,
    StepJournal,
    StepJudge,
    StepJudgement,
)
from genprm.search.solving import DOMAIN, policy_settings
from genprm.search.tree import Purse, Tree
from genprm.settings import SearchSettings, SolutionSettings, VerifierSettings
from genprm.speed.recorded import Recorded, at_once, measured_with
from genprm.speed.tables import Cell
from genprm.speed.usage import Usage, speed_beside
from genprm.step_sampler import StepSampler
from genprm.verification.manifest import model_manifest
from genprm.verification.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Work:
    """One round of `method` for each of `problems`, judged in `mode`."""

    problems: Sequence[str]
    method: str
    settings: SearchSettings
    mode: Mode


@dataclass(frozen=True, slots=True)
class Judging:
    """What `steps` judgements needed, and what the judge's network computed for them, in tokens.

    `needed` are the tokens that conversations grew by. `computed` were read or written, without those reused from a
    prefix. `repeated` are those of rows that the engine computed once more on their own, so that no digit depends
    on the rest of the batch. Both are None where the engine does not report them.
    """

    steps: int
    needed: int
    computed: int | None
    repeated: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """The work of one way and its cost: `tokens` were written by policy and judge."""

    name: str
    requests: int
    tokens: int
    usage: Usage


class NotedJudge:
    """A judge that remembers what each judgement needed. A step that is asked for twice is one judgement."""

    def __init__(self, judge: StepJudge) -> None:
        self.judgements: dict[tuple[str, ...], StepJudgement] = {}
        self._judge = judge

    def start(self, problem: str) -> JudgedPath:
        """A solution without steps, to be judged from its first step on."""
        return _NotedPath(self, self._judge.start(problem), (problem,))


class _NotedPath:
    def __init__(self, judge: NotedJudge, path: JudgedPath, place: tuple[str, ...]) -> None:
        self._judge = judge
        self._path = path
        self._place = place

    async def judge(self, step: str) -> StepJudgement:
        self._place = (*self._place, step)
        judged = await self._path.judge(step)
        self._judge.judgements[self._place] = judged
        return judged

    def fork(self) -> JudgedPath:
        return _NotedPath(self._judge, self._path.fork(), self._place)

    async def close(self) -> None:
        await self._path.close()


def compare(
    open_engines: Callable[[], tuple[Engine, Engine]],
    asking: SolutionSettings,
    sandbox: Sandbox,
    settings: VerifierSettings,
    work: Work,
) -> tuple[list[Run], Judging]:
    """Run the search and its ceiling. Return both, and what the judge of the search read.

    Args:
        open_engines: opens the policy's engine and the judge's; each way has its own, which have not seen the work.
    """
    asyncio.run(_wake(sandbox))
    engines = open_engines()
    policy, judge = (Recorded(engine) for engine in engines)
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "steps.jsonl") as journal:
        verifier = Verifier(judge, sandbox, settings)
        noted = NotedJudge(GenerativeJudge(verifier, work.mode, steps=StepJournal(journal, "judge")))

        async def search() -> tuple[int | None, int | None]:
            sampler = StepSampler(policy, asking, DOMAINS.get(DOMAIN).steps)
            writes = JournaledPolicy(sampler, asking, StepJournal(journal))
            trees = [Tree(problem, writes, noted, work.settings, 0) for problem in work.problems]
            await together([_grow(tree, work) for tree in trees])
            return _counted(engines[1])

        counted, usage, _ = measured_with(engines[1], search, engines[0])
    again = open_engines()

    async def submit() -> list[list[Completion]]:
        return await together([at_once(again[0], policy.requests), at_once(again[1], judge.requests)])

    done, usage_at_once, _ = measured_with(again[1], submit, again[0])
    written, judged = (sum(one.tokens for one in completions) for completions in done)
    size = (len(policy.requests) + len(judge.requests), written + judged)
    runs = [Run(work.method, *size, usage), Run("ceiling", *size, usage_at_once)]
    return runs, _judging(noted, judged, *counted)


async def _grow(tree: Tree, work: Work) -> None:
    await known_method(work.method).round(tree, Purse(math.inf), work.settings)


async def _wake(sandbox: Sandbox) -> None:
    """Start the process that runs code before anything is measured."""
    session = sandbox.session()
    await session.run("pass")
    await session.close()


def _counted(engine: Any) -> tuple[int | None, int | None]:
    """Prompt tokens that an open engine computed, and tokens that it computed again for rows on their own."""
    seen, reused = (getattr(engine, name, None) for name in ("prompt_tokens_seen", "prefix_tokens_reused"))
    read = None if seen is None or reused is None else seen - reused
    return read, getattr(engine, "tokens_repeated", None)


def _judging(noted: NotedJudge, written: int, read: int | None, repeated: int | None) -> Judging:
    needed = sum(one.tokens + one.prompt_tokens for one in noted.judgements.values())
    return Judging(len(noted.judgements), needed, None if read is None else read + written, repeated)


def table(runs: Sequence[Run], judging: Judging) -> list[dict[str, Cell]]:
    """A row per way: its speed relative to the ceiling; for the search also what a judged step took."""
    search, ceiling = runs
    rows: list[dict[str, Cell]] = [
        {
            "way": run.name,
            "requests": run.requests,
            "tokens": run.tokens,
            **speed_beside(run.tokens, run.usage, ceiling.usage),
        }
        for run in (search, ceiling)
    ]
    rows[0] |= {
        "judged steps": judging.steps,
        "needed per step": judging.needed / judging.steps,
        "computed, of needed": _share(judging.computed, judging.needed),
        "repeated, of needed": _share(judging.repeated, judging.needed),
    }
    return rows


def _share(part: int | None, whole: int) -> float | None:
    return None if part is None else part / whole


def measure(
    models: tuple[str, str], machine: MachineSettings, work: tuple[int, str, SearchSettings], mode: Mode | None
) -> tuple[str, list[dict[str, Cell]], list[str]]:
    """Title, rows and notes of the table, for `models` (policy, judge) and `work` (problems, method, settings)."""
    policy, judge = models
    count, method, settings = work
    manifest = model_manifest(judge)
    assert manifest.verifier is not None
    problems = [problem.text for problem in generate_problems("evaluation", count, 0)]
    plan = Work(problems, method, settings, mode or check_mode(manifest.inference_mode or "full"))

    def opened() -> tuple[Engine, Engine]:
        return open_engine(policy, machine.engine), open_engine(judge, machine.engine)

    sandbox = open_sandbox(machine.sandbox)
    rows = table(*compare(opened, policy_settings(policy), sandbox, manifest.verifier, plan))
    asyncio.run(sandbox.close())
    title = f"{policy} and {judge}: {method}, width {settings.width}, {count} problems, mode {plan.mode}"
    notes = [
        "ceiling: the same requests of policy and judge, submitted at once; no code is run, nothing kept.",
        "needed per step: tokens that a judged step adds to its conversation, read and written; a first step the "
        "problem, too, which is read once for all first steps.",
        "computed: what the judge's network worked on for them, without what an earlier prefix gave.",
        "repeated: rows computed again by themselves, so that no digit depends on what shared their batch.",
    ]
    return title, rows, notes
