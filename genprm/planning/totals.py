"""From the cost of problems to the cost of a run: requests, tokens, executions, GPU-hours and disk per artifact."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ESTIMATORS, ProblemCost, Spent
from genprm.planning.planned import Planned, priced
from genprm.planning.test_time import best_of_n, evaluation, refinement, search
from genprm.planning.training import training
from genprm.settings import Profile


def plan(profile: Profile, costs: Sequence[ProblemCost], assumed: Assumptions) -> list[Planned]:
    """Every artifact that costs tokens, in the order of the pipeline; `mc_scores` under both estimators.

    With a `training.source` or `labels.source` nothing is planned for training: how much there is to read is known
    only from the imported set.
    """
    made_here = _training_data(profile, costs, assumed) if profile.given is None else []
    return [
        *made_here,
        *evaluation(profile, assumed),
        *best_of_n(profile, assumed),
        *refinement(profile, assumed),
        *search(profile, assumed),
    ]


def _training_data(profile: Profile, costs: Sequence[ProblemCost], assumed: Assumptions) -> list[Planned]:
    problems = profile.problems.limit or assumed.problems
    run = _Run(profile, costs, assumed, problems)
    return [
        run.generated("solutions", profile.solutions.model, lambda cost: cost.sampled),
        *(run.rollouts(name) for name in ESTIMATORS),
        run.rationales(),
        training(profile, costs, problems, assumed),
    ]


class _Run:
    def __init__(self, profile: Profile, costs: Sequence[ProblemCost], assumed: Assumptions, problems: int) -> None:
        self._profile = profile
        self._costs = costs
        self._assumed = assumed
        self._problems = problems

    def _total(self, per_problem: Callable[[ProblemCost], float]) -> float:
        return self._problems * float(np.mean([per_problem(cost) for cost in self._costs]))

    def _spread(self, per_problem: Callable[[ProblemCost], float]) -> float:
        """Half a 95 % interval of the total: chance in the few problems looked at, and in the many of the run."""
        values = [per_problem(cost) for cost in self._costs]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.inf
        return 1.96 * deviation * self._problems * math.sqrt(1 / len(values) + 1 / self._problems)

    def generated(self, artifact: str, model: str, spent: Callable[[ProblemCost], Spent]) -> Planned:
        total = Spent(
            self._total(lambda cost: spent(cost).completions),
            self._total(lambda cost: spent(cost).tokens),
            self._total(lambda cost: spent(cost).prompt_tokens),
            self._total(lambda cost: spent(cost).prefix_tokens),
        )
        half = self._spread(lambda cost: spent(cost).tokens)
        planned = priced(artifact, model, total, 0, self._assumed)
        return replace(planned, low=max(0.0, total.tokens - half), high=total.tokens + half)

    def rollouts(self, estimator: str) -> Planned:
        settings = self._profile.monte_carlo
        planned = self.generated("mc_scores", settings.model, lambda cost: cost.rollouts[estimator])
        return replace(planned, disk_mb=0.0, estimator=estimator, chosen=estimator == settings.estimator)

    def rationales(self) -> Planned:
        planned = self.generated("rationales", self._profile.rationales.model, lambda cost: cost.judged)
        return replace(planned, executions=self._total(lambda cost: cost.executions))
