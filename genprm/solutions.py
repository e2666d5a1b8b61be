"""Solution generation with step forcing (paper 4.2): sample paths until enough are right and enough are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

from genprm.domains.base import Grader
from genprm.engines.base import Completion, Engine
from genprm.journal import Journal
from genprm.journaled_sampler import Batch, JournaledSampler, Row
from genprm.records import Problem, SampledProblem, Solution
from genprm.seeds import derived_seed
from genprm.settings import SolutionSettings
from genprm.tables import from_dict, to_dict

Flaw = Literal["truncated", "misnumbered", "one step"]
"""Why a path is invalid."""


@dataclass(frozen=True, slots=True)
class SampledPath:
    """One sampled solution, judged. `steps` is empty and `flaw` says why when it is invalid."""

    steps: tuple[str, ...]
    final_answer: str | None
    correct: bool
    flaw: Flaw | None
    tokens: int
    prompt_tokens: int


async def judge_path(prefill: str, completion: Completion, answer: str, grader: Grader) -> SampledPath:
    """Split, check and grade one completion that continues `prefill`."""
    flaw: Flaw | None = None
    steps = grader.steps.split(prefill + completion.text)
    if completion.finish_reason != "stop":
        flaw = "truncated"
    elif steps is None:
        flaw = "misnumbered"
    elif len(steps) == 1:
        flaw = "one step"
    if flaw is not None or steps is None:
        return SampledPath((), None, False, flaw, completion.tokens, completion.prompt_tokens)
    found = grader.answers.extract(steps[-1])
    correct = await grader.answers.same(answer, found)
    return SampledPath(tuple(steps), found, correct, None, completion.tokens, completion.prompt_tokens)


class PathSource:
    """Samples and judges paths of one problem. A journal row says what made it: model, seed and the number of the
    first sample."""

    def __init__(
        self, problem: Problem, sampler: JournaledSampler, settings: SolutionSettings, grader: Grader
    ) -> None:
        self._problem = problem
        self._sampler = sampler
        self._settings = settings
        self._grader = grader

    async def sample(self, batch: int, first: int, count: int) -> list[SampledPath]:
        """Sample batch number `batch`: the samples `first` to `first + count - 1`."""
        problem, settings = self._problem, self._settings
        seed = derived_seed(settings.seed, problem.id, batch)

        async def grade(completions: list[Completion]) -> Row:
            paths = [await judge_path(settings.prefill, c, problem.answer, self._grader) for c in completions]
            return {
                "problem": problem.id,
                "model": settings.model,
                "first": first,
                "seed": seed,
                "paths": [to_dict(path) for path in paths],
            }

        asked = Batch(problem.problem, problem.answer, settings.prefill, seed, count)
        row = await self._sampler.row("paths with prompt tokens", asked, grade)
        return [from_dict(SampledPath, path) for path in row["paths"]]


def next_batch(sampled: int, settings: SolutionSettings) -> int:
    """Return how many samples to ask for next: `batch` at first, later up to a quarter of those drawn so far. A
    problem that needs hundreds of samples for its rarer kind of path then takes only a dozen more rounds, and draws
    at most a quarter too many."""
    grown = sampled // 4 // settings.batch * settings.batch
    return min(max(settings.batch, grown), settings.max_samples - sampled)


async def sample_solutions(
    problem: Problem,
    engine: Engine,
    settings: SolutionSettings,
    grader: Grader,
    journal: Journal | None = None,
    made_by: Any = None,
) -> tuple[SampledProblem, list[Solution]]:
    """Sample one problem until `wanted_correct` and `wanted_incorrect` distinct valid paths are there, or the cap.

    An invalid path (truncated, misnumbered, one step) counts as incorrect for Pass@1 and is never kept. A problem
    without a correct path (hard) or without an incorrect one (easy) keeps nothing. Kept solutions come in sampling
    order; the id of the k-th sample is `<problem id>-<k>`, so that raising the wanted numbers adds to them. With a
    `journal` finished batches are taken from it and put into it (`JournaledSampler`).
    """
    source = PathSource(problem, JournaledSampler(engine, settings, journal, made_by), settings, grader)
    sampled = _Sampled(settings)
    batch = 0
    while sampled.samples < settings.max_samples and not sampled.enough:
        sampled.add(await source.sample(batch, sampled.samples, next_batch(sampled.samples, settings)))
        batch += 1
    return sampled.problem(problem), sampled.solutions(problem)


class _Sampled:
    """The paths of a problem so far: counts of all paths, but texts only of those that may be kept, as a hard
    problem takes thousands of samples."""

    def __init__(self, settings: SolutionSettings) -> None:
        self._wanted = {True: settings.wanted_correct, False: settings.wanted_incorrect}
        # The first distinct valid paths, correct and incorrect ones apart, each with the index of its sample.
        self._kept: dict[bool, dict[tuple[str, ...], tuple[int, SampledPath]]] = {True: {}, False: {}}
        self.samples = 0
        self._correct = self._invalid = self._tokens = self._prompt_tokens = 0

    def add(self, paths: Sequence[SampledPath]) -> None:
        for path in paths:
            kept = self._kept[path.correct]
            if path.flaw is None and len(kept) < self._wanted[path.correct]:
                kept.setdefault(path.steps, (self.samples, path))
            self.samples += 1
            self._correct += path.correct
            self._invalid += path.flaw is not None
            self._tokens += path.tokens
            self._prompt_tokens = max(self._prompt_tokens, path.prompt_tokens)

    @property
    def enough(self) -> bool:
        return all(len(self._kept[kind]) >= wanted for kind, wanted in self._wanted.items())

    @property
    def _outcome(self) -> str:
        if not self._kept[True]:
            return "hard"
        return "kept" if self._kept[False] else "easy"

    def problem(self, problem: Problem) -> SampledProblem:
        return SampledProblem(
            problem_id=problem.id,
            samples=self.samples,
            correct=self._correct,
            invalid=self._invalid,
            pass_at_1=self._correct / self.samples,
            outcome=self._outcome,
            tokens=self._tokens,
            prompt_tokens=self._prompt_tokens,
        )

    def solutions(self, problem: Problem) -> list[Solution]:
        if self._outcome != "kept":
            return []
        kept = sorted([*self._kept[True].values(), *self._kept[False].values()], key=itemgetter(0))
        return [
            Solution(
                id=f"{problem.id}-{index}",
                problem_id=problem.id,
                problem=problem.problem,
                answer=problem.answer,
                steps=list(path.steps),
                final_answer=path.final_answer,
                correct=path.correct,
                pass_at_1=self._correct / self.samples,
            )
            for index, path in kept
        ]
