"""The policy's candidates for Best-of-N: drawn once, at the largest N (paper 5.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from genprm.data_sets.answer_sets import load_answer_set
from genprm.data_sets.problems import problem_id
from genprm.domains.base import AnswerCheck, Grader
from genprm.engines.base import Engine
from genprm.records import Problem, SampledSolution
from genprm.scaling.best_of_n import answer_groups
from genprm.seeds import derived_seed
from genprm.settings import ScalingSettings
from genprm.steps import NUMBERED, StepFormat, prompt_messages, sampling_of

MINIATURE = "miniature"
MINIATURE_PROBLEMS = 100
"""Problems of the miniature when no limit is given; it could generate any number."""


def answer_problems(name: str, settings: ScalingSettings, data_dir: Path | None = None) -> list[Problem]:
    """The problems of one answer set, or of the miniature's held-out split.

    Raises:
        InputError: no such set, it cannot be had, or a row is wrong.
    """
    if name != MINIATURE:
        return load_answer_set(name, data_dir).problems[: settings.limit]
    from genprm.miniature.world.generation import generate_problems

    # A seed of its own, so that these are not the problems of the benchmark that judges are measured on.
    drawn = generate_problems(
        "evaluation", settings.limit or MINIATURE_PROBLEMS, derived_seed("best of n", settings.seed)
    )
    return [Problem(problem_id(one.text), one.text, one.answer, MINIATURE) for one in drawn]


def steps_of(text: str, format: StepFormat = NUMBERED) -> list[str]:
    """The steps that a reward model judges: numbered ones, else paragraphs (as the paper's Best-of-N splits).

    >>> steps_of("First this.\\n\\nThen that.")
    ['First this.', 'Then that.']
    """
    return format.split(text) or [part.strip() for part in text.split("\n\n") if part.strip()]


async def sample_candidate(
    problem: Problem, index: int, engine: Engine, settings: ScalingSettings, grader: Grader
) -> SampledSolution:
    """Sample the `index`-th candidate of a problem, and grade it; `group` is still open.

    Each candidate has a seed of its own, so that a larger number of candidates keeps the earlier ones.
    """
    prompt = engine.render(
        prompt_messages(settings.system, settings.prompt, problem.problem), prefill=settings.prefill
    )
    sampling = sampling_of(settings.sampling, derived_seed(settings.seed, problem.id, "candidate", index))
    (completion,) = await engine.complete(prompt, sampling)
    steps = steps_of(settings.prefill + completion.text, grader.steps)
    found = grader.answers.extract(steps[-1]) if completion.finish_reason == "stop" and steps else None
    return SampledSolution(
        id=f"{problem.id}-{index}",
        problem_id=problem.id,
        problem=problem.problem,
        steps=steps,
        final_answer=found,
        group=None,
        correct=await grader.answers.same(problem.answer, found),
        tokens=completion.tokens,
        prompt_tokens=completion.prompt_tokens,
    )


async def with_groups(rows: Sequence[SampledSolution], answers: AnswerCheck) -> list[SampledSolution]:
    """The candidates of one problem with their answers grouped.

    A group is as right as its first member: answers that mean the same are right or wrong together.
    """
    groups = await answer_groups([row.final_answer for row in rows], answers)
    right: dict[int | None, bool] = {None: False}
    for row, group in zip(rows, groups, strict=True):
        right.setdefault(group, row.correct)
    return [
        dataclasses.replace(row, group=group, correct=right[group]) for row, group in zip(rows, groups, strict=True)
    ]
