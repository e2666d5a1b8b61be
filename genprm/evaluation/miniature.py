"""A ProcessBench of the miniature world: the policy's own solutions of held-out problems, judged by the program.

The program's judgement is the counterpart of ProcessBench's human labels: it measures; nothing is trained on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from genprm.answers.checker import quick_decision
from genprm.data_sets.problems import problem_id
from genprm.engines.base import Engine
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.judge import judge
from genprm.miniature.world.problems import MiniatureProblem
from genprm.records import NO_ERROR, BenchmarkCase
from genprm.seeds import derived_seed
from genprm.settings import SolutionSettings
from genprm.steps import final_answer, prompt_messages, sampling_of, split_steps

SUBSETS = {"short": (2, 3), "long": (4, 6)}
"""Fewest and most steps that the problems of a subset need."""
SOLUTIONS_PER_PROBLEM = 2
NOT_CLAIMED = "format"
"""Kind of judgement that claims nothing about a solution; such solutions are left out."""
MOST_ROUNDS = 20
"""Rounds of new problems before the policy is given up as too good or too bad to make a benchmark."""


@dataclass(slots=True)
class _Wanted:
    """How many cases of one subset are still to be found."""

    wrong: int
    right: int

    def takes(self, label: int) -> bool:
        """Count a case with this label in, unless there are enough of its kind; return whether it was counted."""
        if label == NO_ERROR:
            taken = self.right > 0
            self.right -= taken
        else:
            taken = self.wrong > 0
            self.wrong -= taken
        return taken

    def more(self) -> bool:
        return self.wrong > 0 or self.right > 0


def subset_of(problem: MiniatureProblem) -> str | None:
    """The subset whose range of step counts the problem is in."""
    needed = len(problem.gold)
    return next((name for name, (fewest, most) in SUBSETS.items() if fewest <= needed <= most), None)


async def _sample(
    problem: MiniatureProblem, engine: Engine, settings: SolutionSettings, seed: int
) -> list[list[str]]:
    """The distinct valid solutions among a problem's samples, as steps."""
    prompt = engine.render(prompt_messages(settings.system, settings.prompt, problem.text), settings.prefill)
    sampling = sampling_of(settings.sampling, derived_seed("miniature benchmark", seed, problem_id(problem.text)))
    found: list[list[str]] = []
    for completion in await engine.complete(prompt, sampling, SOLUTIONS_PER_PROBLEM):
        steps = split_steps(settings.prefill + completion.text)
        if completion.finish_reason == "stop" and steps is not None and len(steps) > 1 and steps not in found:
            found.append(steps)
    return found


def _cases(
    problem: MiniatureProblem, subset: str, solutions: Sequence[Sequence[str]], generator: str
) -> list[BenchmarkCase]:
    cases = []
    for number, steps in enumerate(solutions):
        judgement = judge(problem.text, list(steps))
        answer = final_answer(steps[-1])
        if judgement.kind == NOT_CLAIMED:
            continue
        cases.append(
            BenchmarkCase(
                id=f"{subset}-{problem_id(problem.text)}-{number}",
                subset=subset,
                generator=generator,
                problem=problem.text,
                steps=list(steps),
                final_answer_correct=answer is not None and quick_decision(problem.answer, answer) is True,
                label=judgement.first_error,
            )
        )
    return cases


async def miniature_cases(
    engine: Engine, settings: SolutionSettings, per_subset: int, seed: int = 0
) -> list[BenchmarkCase]:
    """`per_subset` cases of each subset, half of them wrong (the smaller half, if odd) and half right.

    Solutions are sampled as in solution generation, at most two a problem; invalid ones and those that the
    program claims nothing about are left out. Cases come subset by subset, in the order of the problems.

    Raises:
        ValueError: after `MOST_ROUNDS` rounds of new problems the policy's wrong (or right) solutions are too few.
    """
    wanted = {name: _Wanted(per_subset // 2, per_subset - per_subset // 2) for name in SUBSETS}
    found: dict[str, list[BenchmarkCase]] = {name: [] for name in SUBSETS}
    seen: set[str] = set()
    rounds = 0
    while any(need.more() for need in wanted.values()):
        if rounds == MOST_ROUNDS:
            missing = {name: f"{need.wrong} wrong, {need.right} right" for name, need in wanted.items()}
            raise ValueError(f"{engine.model}: after {len(seen)} problems still missing {missing}")
        chosen: list[tuple[str, MiniatureProblem]] = []
        for problem in generate_problems("evaluation", per_subset, derived_seed(seed, rounds)):
            subset = subset_of(problem)
            if subset is not None and wanted[subset].more() and problem.text not in seen:
                chosen.append((subset, problem))
                seen.add(problem.text)
        sampled = await asyncio.gather(*(_sample(problem, engine, settings, seed) for _, problem in chosen))
        for (subset, problem), solutions in zip(chosen, sampled, strict=True):
            cases = _cases(problem, subset, solutions, engine.model)
            found[subset] += [case for case in cases if wanted[subset].takes(case.label)]
        rounds += 1
    return [case for cases in found.values() for case in cases]
