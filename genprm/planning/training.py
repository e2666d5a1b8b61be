"""What training reads: how many conversations the filter will keep, how long they are, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from genprm.intervals import percentile_interval
from genprm.lineup import Lineup, Model
from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ProblemCost, judged_tokens
from genprm.planning.planned import Planned, Work, slowness
from genprm.settings import FilterSettings, Profile

RESAMPLES = 1000
"""Sets of problems drawn for an interval."""


def training(profile: Profile, costs: Sequence[ProblemCost], problems: int, assumed: Assumptions) -> Planned:
    """Tokens of all epochs of all models; requests are conversations, and nothing is generated."""
    kept = np.array([(*cost.agreed[0], *cost.agreed[1]) for cost in costs])
    expected = problems * kept.mean(axis=0)
    conversations, _ = chosen(expected, profile.consensus)
    models = [model for model in Lineup(profile).models if model.trained]

    def tokens(of: Sequence[Model], kept: np.ndarray) -> float:
        return sum(_tokens(profile, model, kept, assumed) for model in of)

    low, high = percentile_interval([tokens(models, problems * mean) for mean in _means(kept, problems)])
    slow = sum(slowness(model.weights) * tokens([model], expected) for model in models)
    return Planned(
        "checkpoints",
        requests=conversations * sum(model.share for model in models),
        prompt_tokens=tokens(models, expected),
        prefix_tokens=tokens(models, expected),
        tokens=0,
        low=low,
        high=high,
        executions=0,
        gpu_hours=slow / assumed.trained_per_second / 3600,
        disk_mb=sum(2000 * (model.billions or 0.0) for model in models),
        work=tuple(Work(model.weights, 0, 0, 0, 0, trained=tokens([model], expected)) for model in models),
    )


def chosen(kept: np.ndarray, settings: FilterSettings) -> tuple[float, float]:
    """Solutions that are trained on, and their judged steps: what the filter keeps, less what balance and share
    leave out.

    Args:
        kept: solutions with a wrong step and their judged steps, solutions without one and theirs.
    """
    solutions, steps = kept[[0, 2]], kept[[1, 3]]
    if settings.balance:
        part = np.divide(solutions.min(), solutions, out=np.zeros(2), where=solutions > 0)
        solutions, steps = part * solutions, part * steps
    return settings.share * float(solutions.sum()), settings.share * float(steps.sum())


def _tokens(profile: Profile, model: Model, kept: np.ndarray, assumed: Assumptions) -> float:
    """Tokens that a model is trained on, in all epochs. A classification head reads as much as mode direct, a
    ThinkPRM writes as much as mode cot. Reinforcement learning reads each of its verifications once; the cost of
    making them is not counted."""
    conversations, steps = chosen(kept, profile.consensus)
    step = assumed.step_tokens + judged_tokens(model.mode, assumed)
    epochs, rl = profile.training.epochs, profile.training.rl
    if model.recipe.further and rl is not None and conversations:
        epochs = rl.updates / rl.updates_per_batch * rl.solutions * rl.group / conversations
    return epochs * model.share * (conversations * assumed.problem_tokens + steps * step)


def _means(kept: np.ndarray, problems: int) -> np.ndarray:
    """Means over problems in resampled sets, shape (RESAMPLES, columns of `kept`). The size of the sets makes their
    means vary as much as the few problems that were looked at and the many of the whole run do together."""
    size = max(1, math.floor(1 / (1 / len(kept) + 1 / problems)))
    drawn = np.random.default_rng(0).integers(len(kept), size=(RESAMPLES, size))
    means: np.ndarray = kept[drawn].mean(axis=1)
    return means
