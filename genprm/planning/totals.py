"""From the cost of problems to the cost of a run: requests, tokens, executions, GPU-hours and disk per artifact."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ESTIMATORS, ProblemCost, Spent
from genprm.settings import Mode, Profile

VERDICT_TOKENS = 8
"""Of a step judged directly: the verdict alone."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)b\b", re.IGNORECASE)
REFERENCE_SIZE = 7.0
"""Billions of parameters of the models that throughputs are stated for."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One artifact. `low` and `high` bound its output tokens with 95 %: the chance of these problems only, not the
    truth of the assumptions. `prefix_tokens` is what is left of the prompts when shared prefixes are read once."""

    artifact: str
    requests: float
    prompt_tokens: float
    prefix_tokens: float
    tokens: float
    low: float
    high: float
    executions: float
    gpu_hours: float
    disk_mb: float


def model_size(name: str) -> float | None:
    """Billions of parameters that a model's name states; None when it states none.

    >>> model_size("Qwen/Qwen2.5-Math-7B-Instruct"), model_size("miniature/policy")
    (7.0, None)
    """
    found = _SIZE.findall(name)
    return float(found[-1]) if found else None


def slowness(name: str) -> float:
    """Time that a model takes for a token, beside the models that throughputs are stated for."""
    return (model_size(name) or REFERENCE_SIZE) / REFERENCE_SIZE


def plan(profile: Profile, costs: Sequence[ProblemCost], assumed: Assumptions) -> list[Planned]:
    """Every artifact that costs tokens, in the order of the pipeline; `mc_scores` under both estimators."""
    problems = profile.problems.limit or assumed.problems
    run = _Run(profile, costs, assumed, problems)
    return [
        run.generated("solutions", profile.solutions.model, lambda cost: cost.sampled),
        *(run.rollouts(name) for name in ESTIMATORS),
        run.rationales(),
        run.training(),
        run.evaluation(),
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
        """Half a 95 % interval of the total: what the few problems leave open, and the luck of the many."""
        values = [per_problem(cost) for cost in self._costs]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.inf
        return 1.96 * deviation * self._problems * math.sqrt(1 / len(values) + 1 / self._problems)

    def _hours(self, model: str, tokens: float, prefix_tokens: float) -> float:
        seconds = tokens / self._assumed.generated_per_second + prefix_tokens / self._assumed.read_per_second
        return seconds * slowness(model) / 3600

    def generated(self, artifact: str, model: str, spent: Callable[[ProblemCost], Spent]) -> Planned:
        tokens = self._total(lambda cost: spent(cost).tokens)
        prefix = self._total(lambda cost: spent(cost).prefix_tokens)
        half = self._spread(lambda cost: spent(cost).tokens)
        return Planned(
            artifact,
            requests=self._total(lambda cost: spent(cost).completions),
            prompt_tokens=self._total(lambda cost: spent(cost).prompt_tokens),
            prefix_tokens=prefix,
            tokens=tokens,
            low=max(0.0, tokens - half),
            high=tokens + half,
            executions=0,
            gpu_hours=self._hours(model, tokens, prefix),
            disk_mb=self._disk(tokens if artifact == "solutions" else 0.0),
        )

    def rollouts(self, estimator: str) -> Planned:
        chosen = "" if estimator == self._profile.monte_carlo.estimator else " (not chosen)"
        model = self._profile.monte_carlo.model
        return self.generated(f"mc_scores, {estimator}{chosen}", model, lambda cost: cost.rollouts[estimator])

    def rationales(self) -> Planned:
        settings = self._profile.rationales
        each = self._judged_tokens(settings.mode)
        executions = self._total(lambda cost: cost.steps) * self._runs_code(settings.mode)
        return self._judged("rationales", settings.model, self._total(lambda cost: cost.steps), each, executions)

    def _judged(self, artifact: str, model: str, steps: float, each: float, executions: float) -> Planned:
        assumed = self._assumed
        tokens = steps * each
        half = tokens * self._spread(lambda cost: cost.steps) / max(1.0, self._total(lambda cost: cost.steps))
        # Every step is asked for after all that was said about the steps before it: half a conversation on average.
        conversation = (2 + assumed.further_steps) * (each + assumed.step_tokens)
        return Planned(
            artifact,
            requests=steps,
            prompt_tokens=steps * (assumed.problem_tokens + conversation / 2),
            prefix_tokens=steps * assumed.step_tokens,
            tokens=tokens,
            low=max(0.0, tokens - half),
            high=tokens + half,
            executions=executions,
            gpu_hours=self._hours(model, tokens, steps * assumed.step_tokens),
            disk_mb=self._disk(tokens),
        )

    def training(self) -> Planned:
        """Tokens of all epochs of all models; requests are conversations, and nothing is generated."""
        training, assumed = self._profile.training, self._assumed
        conversations = self._total(lambda cost: cost.solutions) * assumed.agree * self._profile.consensus.share
        tokens = hours = 0.0
        for model in training.base.values():
            for mode in training.modes:
                per_step = assumed.step_tokens + self._judged_tokens(mode)
                text = assumed.problem_tokens + (2 + assumed.further_steps) * per_step
                seen = conversations * text * training.epochs * len(training.variants)
                tokens += seen
                hours += seen / assumed.trained_per_second * slowness(model) / 3600
        return Planned("checkpoints", conversations, tokens, tokens, 0, 0, 0, 0, hours, self._weights_mb())

    def _weights_mb(self) -> float:
        training = self._profile.training
        copies = len(training.modes) * len(training.variants)
        return sum(2000 * (model_size(model) or 0.0) for model in training.base.values()) * copies

    def evaluation(self) -> Planned:
        """Every model that is judged by, on every subset, with its number of verification paths."""
        training, settings, assumed = self._profile.training, self._profile.evaluation, self._assumed
        others = settings.other_votes or settings.votes
        judged = [
            (model, mode, settings.votes if mode == "full" else others)
            for model in training.base.values()
            for _ in training.variants
            for mode in training.modes
        ]
        judged += [(model, "full", others) for model in training.base.values()]
        judged.append((self._profile.rationales.model, self._profile.rationales.mode, others))
        cases = len(settings.subsets) * (settings.limit or assumed.cases)
        parts = [
            self._judged(
                "processbench",
                model,
                cases * assumed.case_steps * votes,
                self._judged_tokens(mode),
                cases * assumed.case_steps * votes * self._runs_code(mode),
            )
            for model, mode, votes in judged
        ]
        total = [sum(getattr(part, name) for part in parts) for name in list(Planned.__dataclass_fields__)[1:]]
        requests, prompts, prefixes, tokens, _, _, executions, hours, disk = total
        return Planned("processbench", requests, prompts, prefixes, tokens, tokens, tokens, executions, hours, disk)

    def _judged_tokens(self, mode: Mode) -> float:
        return VERDICT_TOKENS if mode == "direct" else self._assumed.judged_step_tokens

    def _runs_code(self, mode: Mode) -> float:
        return self._assumed.executions if mode in ("full", "code") else 0.0

    def _disk(self, tokens: float) -> float:
        return tokens * self._assumed.bytes_per_token / 2**20
