"""The problems that are trained on, and those that are held out for measuring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genprm.data_sets.problems import GSM8K_TRAIN
from genprm.data_sets.sources import source_rows
from genprm.records import BenchmarkCase
from genprm.smol.conversations import JudgedSteps, draw_judged, suitable
from genprm.smol.formulas import ASDIV, formula_solutions
from genprm.smol.recipe import HELD_OUT_SHARE, Recipe
from genprm.smol.worked import WorkedSolution, worked_solutions


def is_held_out(solution: WorkedSolution) -> bool:
    """Whether the problem is held out from training: decided by its id, so that its solutions stay together."""
    return int(solution.id[:8], 16) < HELD_OUT_SHARE * 16**8


def training_solutions(recipe: Recipe, data_dir: Path | None) -> list[WorkedSolution]:
    """The human solutions that may be trained on; `data_dir` None means the hub.

    Raises:
        InputError: the problems cannot be loaded.
    """
    return [one for one in _solutions(recipe, data_dir) if not is_held_out(one)]


def policy_solutions(recipe: Recipe, data_dir: Path | None) -> list[WorkedSolution]:
    """The solutions that a policy may learn from: `training_solutions`, and ASDiv's problems of one calculation.

    Raises:
        InputError: the problems cannot be loaded.
    """
    return training_solutions(recipe, data_dir) + formula_solutions(source_rows(ASDIV, data_dir))


def training_part(recipe: Recipe, data_dir: Path | None) -> list[JudgedSteps]:
    """The solutions that a rationale model is trained on, with their mistakes; `data_dir` None means the hub.

    Raises:
        InputError: the problems cannot be loaded.
    """
    return list(draw_judged(training_solutions(recipe, data_dir), recipe.conversations, recipe))


def held_out_part(recipe: Recipe, data_dir: Path | None, count: int) -> list[JudgedSteps]:
    """Solutions of held-out problems, with mistakes of the same kinds as in training.

    Raises:
        InputError: the problems cannot be loaded.
    """
    solutions = [one for one in _solutions(recipe, data_dir) if is_held_out(one)]
    return list(draw_judged(solutions, count, recipe, "held out"))


def _solutions(recipe: Recipe, data_dir: Path | None) -> list[WorkedSolution]:
    return suitable(worked_solutions(source_rows(GSM8K_TRAIN, data_dir)), recipe)


def benchmark_cases(judged: Sequence[JudgedSteps]) -> list[BenchmarkCase]:
    """Judged solutions as cases that `genprm evaluate file` measures a model on.

    The subset of a case is the kind of its mistake, or `right`.
    """
    return [
        BenchmarkCase(
            id=f"{number}-{one.solution.id}",
            subset=one.mistake or "right",
            generator="human",
            problem=one.solution.problem,
            steps=one.texts,
            final_answer_correct=one.mistake is None,
            label=one.first_error,
        )
        for number, one in enumerate(judged)
    ]
