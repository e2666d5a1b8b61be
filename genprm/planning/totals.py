"""From the cost of problems to the cost of a run: requests, tokens, executions, GPU-hours and disk per artifact."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ESTIMATORS, ProblemCost, Spent, executions_of, judged_steps, judged_tokens
from genprm.settings import Mode, Profile

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
        *run.evaluation(),
        *run.best_of_n(),
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
        planned = self.generated("rationales", self._profile.rationales.model, lambda cost: cost.judged)
        executions = self._total(lambda cost: cost.executions)
        return replace(planned, executions=executions, disk_mb=self._disk(planned.tokens))

    def training(self) -> Planned:
        """Tokens of all epochs of all models; requests are conversations, and nothing is generated."""
        training, assumed = self._profile.training, self._assumed
        conversations = self._conversations()
        steps = self._total(lambda cost: cost.judged.completions) / max(
            1.0, self._total(lambda cost: cost.solutions)
        )
        requests = tokens = hours = 0.0
        for model in training.base.values():
            for mode, share in self._trained():
                text = assumed.problem_tokens + steps * (assumed.step_tokens + judged_tokens(mode, assumed))
                seen = conversations * share * text * training.epochs
                requests += conversations * share
                tokens += seen
                hours += seen / assumed.trained_per_second * slowness(model) / 3600
        return Planned("checkpoints", requests, tokens, tokens, 0, 0, 0, 0, hours, self._weights_mb())

    def _conversations(self) -> float:
        """Solutions that are trained on: kept by the filter, and chosen by its balance and share."""
        kinds = [self._total(lambda cost: cost.agreed[0]), self._total(lambda cost: cost.agreed[1])]
        consensus = self._profile.consensus
        return consensus.share * (2 * min(kinds) if consensus.balance else sum(kinds))

    def _trained(self) -> list[tuple[Mode, float]]:
        """Mode of each model trained from a base, and its share of the data; a head reads what direct does."""
        training = self._profile.training
        whole: list[tuple[Mode, float]] = [(mode, 1.0) for _, mode in training.trained()]
        head: list[tuple[Mode, float]] = [("direct", 1.0)] if training.discriminative else []
        return [*whole, *(("full", share) for share in training.shares), *head]

    def _weights_mb(self) -> float:
        training, copies = self._profile.training, len(self._trained())
        return sum(2000 * (model_size(model) or 0.0) for model in training.base.values()) * copies

    def evaluation(self) -> list[Planned]:
        """Every model that is judged by, on every subset, with its number of verification paths; and the full
        models in other modes, where the profile wants them."""
        otherwise = [
            (model, mode, self._profile.evaluation.votes_in(mode, full=False))
            for model in self._profile.training.base.values()
            for mode in self._profile.evaluation.other_modes
        ]
        judged = [self._benchmark("processbench", self._judges())]
        return [*judged, self._benchmark("judged_otherwise", otherwise)] if otherwise else judged

    def _benchmark(self, artifact: str, judges: Sequence[tuple[str, Mode, int]]) -> Planned:
        settings, assumed = self._profile.evaluation, self._assumed
        cases = len(settings.subsets) * (settings.limit or assumed.cases)
        judged = assumed.case_steps * assumed.case_judged
        parts = [self._judged(model, mode, cases * votes, cases * votes * judged) for model, mode, votes in judges]
        return _sum(artifact, parts)

    def _judges(self) -> list[tuple[str, Mode, int]]:
        """Weights, mode and paths per case of every model that is evaluated."""
        judges: list[tuple[str, Mode, int]] = []
        votes_in = self._profile.evaluation.votes_in
        for model in self._profile.training.base.values():
            modes = [mode for mode, _ in self._trained()]
            if "full" in modes:
                modes.remove("full")
                judges.append((model, "full", votes_in("full", full=True)))
            judges += [(model, mode, votes_in(mode, full=False)) for mode in (*modes, "full")]
        reference = self._profile.rationales
        return [*judges, (reference.model, reference.mode, votes_in(reference.mode, full=False))]

    def best_of_n(self) -> list[Planned]:
        """Candidates on every set of answers, each of their steps judged by every model; nothing without sets."""
        scaling, assumed = self._profile.scaling, self._assumed
        if not scaling.sets:
            return []
        problems = len(scaling.sets) * (scaling.limit or assumed.answer_problems)
        count = problems * scaling.candidates
        steps = count * (2 + assumed.further_steps)
        tokens, prompts = steps * assumed.step_tokens, problems * assumed.problem_tokens
        hours = self._hours(scaling.model, tokens, prompts)
        disk = self._disk(tokens)
        drawn = Planned(
            "candidates", count, count * assumed.problem_tokens, prompts, tokens, tokens, tokens, 0, hours, disk
        )
        votes = [(model, mode, scaling.votes_in(mode)) for model, mode, _ in self._judges()]
        parts = [self._judged(model, mode, count * paths, steps * paths) for model, mode, paths in votes]
        return [drawn, _sum("best_of_n", parts)]

    def _judged(self, model: str, mode: Mode, paths: float, steps: float) -> Planned:
        spent = judged_steps(paths, steps, mode, self._assumed)
        return Planned(
            "",
            requests=spent.completions,
            prompt_tokens=spent.prompt_tokens,
            prefix_tokens=spent.prefix_tokens,
            tokens=spent.tokens,
            low=spent.tokens,
            high=spent.tokens,
            executions=steps * executions_of(mode, self._assumed),
            gpu_hours=self._hours(model, spent.tokens, spent.prefix_tokens),
            disk_mb=self._disk(spent.tokens),
        )

    def _disk(self, tokens: float) -> float:
        return tokens * self._assumed.bytes_per_token / 2**20


def _sum(artifact: str, parts: Sequence[Planned]) -> Planned:
    names = [field.name for field in fields(Planned)][1:]
    return Planned(artifact, *(sum(getattr(part, name) for part in parts) for name in names))
