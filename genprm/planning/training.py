"""What training reads: how many conversations the filter will keep, how long they are, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ProblemCost, judged_tokens
from genprm.planning.models import trained
from genprm.planning.planned import Planned, model_size, slowness
from genprm.settings import FilterSettings, Profile

RESAMPLES = 1000
"""Sets of problems behind an interval."""


def training(profile: Profile, costs: Sequence[ProblemCost], problems: int, assumed: Assumptions) -> Planned:
    """Tokens of all epochs of all models; requests are conversations, and nothing is generated."""
    kept = np.array([(*cost.agreed[0], *cost.agreed[1]) for cost in costs])
    conversations, _ = chosen(problems * kept.mean(axis=0), profile.consensus)
    low, high = np.percentile(
        [_tokens(profile, problems * mean, assumed) for mean in _means(kept, problems)], [2.5, 97.5]
    )
    tokens = _tokens(profile, problems * kept.mean(axis=0), assumed)
    bases = profile.training.base.values()
    return Planned(
        "checkpoints",
        requests=len(bases) * conversations * sum(share for _, share in trained(profile)),
        prompt_tokens=len(bases) * tokens,
        prefix_tokens=len(bases) * tokens,
        tokens=0,
        low=len(bases) * float(low),
        high=len(bases) * float(high),
        executions=0,
        gpu_hours=tokens / assumed.trained_per_second * sum(slowness(model) for model in bases) / 3600,
        disk_mb=sum(2000 * (model_size(model) or 0.0) for model in bases) * len(trained(profile)),
    )


def chosen(kept: np.ndarray, settings: FilterSettings) -> tuple[float, float]:
    """Solutions that are trained on, and judged steps of them: what the filter keeps, less what balance and share
    leave out.

    Args:
        kept: solutions with a wrong step and their judged steps, solutions without one and theirs.
    """
    solutions, steps = kept[[0, 2]], kept[[1, 3]]
    if settings.balance:
        part = np.divide(solutions.min(), solutions, out=np.zeros(2), where=solutions > 0)
        solutions, steps = part * solutions, part * steps
    return settings.share * float(solutions.sum()), settings.share * float(steps.sum())


def _tokens(profile: Profile, kept: np.ndarray, assumed: Assumptions) -> float:
    """Tokens of all models of one base, in all epochs."""
    conversations, steps = chosen(kept, profile.consensus)
    once = sum(
        share
        * (conversations * assumed.problem_tokens + steps * (assumed.step_tokens + judged_tokens(mode, assumed)))
        for mode, share in trained(profile)
    )
    return once * profile.training.epochs


def _means(kept: np.ndarray, problems: int) -> np.ndarray:
    """What a problem gives on average in sets that differ as much as these and the whole run's may, (RESAMPLES,
    columns of `kept`): the few that were looked at leave it open, and the many have luck of their own."""
    size = max(1, math.floor(1 / (1 / len(kept) + 1 / problems)))
    drawn = np.random.default_rng(0).integers(len(kept), size=(RESAMPLES, size))
    means: np.ndarray = kept[drawn].mean(axis=1)
    return means
