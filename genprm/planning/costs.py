"""What one problem costs until its steps are labelled and judged: simulated from assumptions, by the profile's own
rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from genprm.modes import Mode
from genprm.monte_carlo import rollouts_for
from genprm.monte_carlo.simulated import KnownSolution, Rollouts, StepProcess, estimate
from genprm.planning.assumptions import Assumptions
from genprm.records import NO_ERROR
from genprm.settings import MonteCarloSettings, Profile
from genprm.solutions import next_batch

ESTIMATORS = ("fixed", "sequential")
VERDICT_TOKENS = 1
"""Tokens of a step that is judged directly: the verdict alone."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests of one kind: completions, their tokens, and the tokens of their prompts, with each prompt counted in
    full (`prompt_tokens`) and with shared prefixes read once (`prefix_tokens`)."""

    completions: float = 0
    tokens: float = 0
    prompt_tokens: float = 0
    prefix_tokens: float = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.completions + other.completions,
            self.tokens + other.tokens,
            self.prompt_tokens + other.prompt_tokens,
            self.prefix_tokens + other.prefix_tokens,
        )


class Kept(NamedTuple):
    """How many solutions of one kind consensus filtering keeps, and how many judged steps they have in all."""

    solutions: float
    steps: float


@dataclass(frozen=True, slots=True)
class ProblemCost:
    """One problem: samples of the policy, what was kept of them, rollouts per estimator, and judgements of the
    steps up to the first wrong one, with the code blocks run for them. `agreed` is what consensus filtering keeps
    with a wrong step, and without one.
    """

    sampled: Spent
    solutions: int
    steps: int
    rollouts: dict[str, Spent]
    judged: Spent
    executions: float
    agreed: tuple[Kept, Kept]


def with_estimator(settings: MonteCarloSettings, estimator: str) -> MonteCarloSettings:
    """The same settings with the given estimator."""
    return settings.model_copy(update={"estimator": estimator})


def simulated_cost(profile: Profile, assumed: Assumptions, rng: np.random.Generator) -> ProblemCost:
    """One problem drawn from the assumptions and worked on by the rules of the profile."""
    chance = float(rng.beta(assumed.easy, assumed.hard))
    settings = profile.solutions
    right = wrong = samples = 0
    enough = False
    while samples < settings.max_samples and not enough:
        batch = next_batch(samples, settings)
        valid = int(rng.binomial(batch, 1 - assumed.invalid))
        correct = int(rng.binomial(valid, chance))
        right, wrong, samples = right + correct, wrong + valid - correct, samples + batch
        enough = right >= settings.wanted_correct and wrong >= settings.wanted_incorrect
    per_sample = (2 + assumed.further_steps) * assumed.step_tokens
    problem = round(assumed.problem_tokens)
    sampled = Spent(samples, round(samples * per_sample), samples * problem, problem)
    process = StepProcess(assumed.strength, assumed.recovery, further_steps=assumed.further_steps)
    kinds = []  # whether each kept solution is wrong: none is kept of a problem without both kinds
    if right and wrong:
        kinds = [False] * min(right, settings.wanted_correct) + [True] * min(wrong, settings.wanted_incorrect)
    kept = [process.solution(rng, right / samples, is_wrong) for is_wrong in kinds]
    judged = [len(s.shares) if s.first_error in (None, NO_ERROR) else s.first_error + 1 for s in kept]
    steps = sum(judged)
    mode = profile.rationales.mode
    return ProblemCost(
        sampled,
        len(kept),
        sum(len(s.shares) for s in kept),
        _rollouts(kept, profile.monte_carlo, assumed, rng),
        judged_steps(len(kept), steps, mode, assumed),
        steps * executions_of(mode, assumed),
        (_agreed(judged, kinds, True, assumed), _agreed(judged, kinds, False, assumed)),
    )


def _agreed(judged: list[int], kinds: list[bool], kind: bool, assumed: Assumptions) -> Kept:
    of_kind = [steps for steps, one in zip(judged, kinds, strict=True) if one == kind]
    return Kept(assumed.agree * len(of_kind), assumed.agree * sum(of_kind))


def judged_tokens(mode: Mode, assumed: Assumptions) -> float:
    """Output tokens of one judged step. A direct verdict is read off, not written. Adaptive judgement counts like
    full: it writes no more than that, and how often it stops earlier is not known beforehand."""
    if not mode.sampled:
        return VERDICT_TOKENS
    share = assumed.analysis * mode.analysis + (1 - assumed.analysis) * mode.code
    return share * assumed.judged_step_tokens


def executions_of(mode: Mode, assumed: Assumptions) -> float:
    """Code blocks run for one judged step."""
    return assumed.executions if mode.runs else 0.0


def judged_steps(paths: float, steps: float, mode: Mode, assumed: Assumptions) -> Spent:
    """`steps` steps judged on `paths` verification paths.

    Each request includes all that was said about the steps before: half a conversation on average.
    """
    each = judged_tokens(mode, assumed)
    conversation = steps / paths * (assumed.step_tokens + each) if paths else 0.0
    return Spent(
        round(steps),
        round(steps * each),
        round(steps * (assumed.problem_tokens + conversation / 2)),
        round(paths * assumed.problem_tokens + steps * assumed.step_tokens),
    )


def _rollouts(
    kept: list[KnownSolution], settings: MonteCarloSettings, assumed: Assumptions, rng: np.random.Generator
) -> dict[str, Spent]:
    spent = {name: Spent() for name in ESTIMATORS}
    for solution in kept:
        rollouts = Rollouts(solution, rollouts_for(solution.pass_at_1, settings), rng)
        for name in ESTIMATORS:
            counts = estimate(solution, rollouts, with_estimator(settings, name)).rollouts
            spent[name] += _rollout_cost(counts, assumed)
    return spent


def _rollout_cost(counts: list[int], assumed: Assumptions) -> Spent:
    steps = len(counts)
    left = sum(count * (steps - done) for done, count in enumerate(counts, start=1))
    read = sum(
        count * (assumed.problem_tokens + done * assumed.step_tokens) for done, count in enumerate(counts, start=1)
    )
    # Each prompt extends that of the step before, so with shared prefixes read once only the longest one counts.
    deepest = max((done for done, count in enumerate(counts, start=1) if count), default=0)
    longest = assumed.problem_tokens + deepest * assumed.step_tokens if deepest else 0
    return Spent(sum(counts), round(left * assumed.step_tokens), round(read), round(longest))
