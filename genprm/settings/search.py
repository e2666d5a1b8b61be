"""Searching for a solution with a policy that a judge guides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from genprm.modes import Mode
from genprm.registry import SEARCHES
from genprm.settings.base import Key, Section, TurnMode

Choice = Literal["best", "vote", "majority"]
"""How the answer is chosen among finished solutions: the highest rank, the answer with the most reward, or the most
frequent answer."""


class SearchSettings(Section):
    """Settings of the methods of `genprm.search`. Each method reads the fields that it needs."""

    choose: Choice = "best"
    """How to choose among finished solutions, for a method that has no rule of its own (its_hub: the best)."""
    width: Annotated[int, Field(ge=1)] = 4
    """Partial solutions kept at a time: beams, subtrees, particles, leaves (Snell et al. 2408.03314: M = 4)."""
    children: Annotated[int, Field(ge=1)] = 4
    """Next steps sampled for each of them (Snell et al. 2408.03314: N / M = 4 at N = 16)."""
    max_steps: Annotated[int, Field(ge=1)] = 40
    """A solution that has not ended by then is given up (search-and-learn: 40 iterations)."""
    sure_no: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1
    """A step whose reward is below this is surely wrong: what follows it is not judged (ours)."""
    lookahead: Annotated[int, Field(ge=1)] = 1
    """Further steps that look-ahead samples before it ranks a step (Snell et al. 2408.03314: k = 1 and 3)."""
    resample_below: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Particles are drawn anew when the effective sample size is below this share of them (standard in sequential
    Monte Carlo)."""
    weight_temperature: Annotated[float, Field(ge=1.0)] = 1.0
    """Temperature of the particles' log-odds at the first step; 1 means plain log-odds (Puri et al. 2502.01618)."""
    weight_cooling: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """Factor of that temperature per step, down to 1 (ours)."""
    balance: Annotated[float, Field(gt=0.0)] = 0.2
    """Temperature of the softmax that shares out samples in REBASE (ours; Wu et al. 2408.00724 tune it)."""
    exploration: Annotated[float, Field(ge=0.0)] = 1.0
    """Weight of rarely visited steps in PUCT (ours)."""
    simulations: Annotated[int, Field(ge=1)] = 64
    """Descents into one PUCT tree at most (ours)."""
    tries: Annotated[int, Field(ge=1)] = 5
    """Samples of one step at most before the best of them is taken (StepWiser: 5)."""


def _known(method: str) -> str:
    if method not in SEARCHES:
        raise ValueError(f"method is {method!r}, allowed: {', '.join(SEARCHES.names())}")
    return method


def _ascending(budgets: tuple[int, ...]) -> tuple[int, ...]:
    if not budgets or list(budgets) != sorted(set(budgets)):
        raise ValueError(f"budgets are {list(budgets)}, allowed: different numbers in ascending order")
    return budgets


class GuidedSearchSettings(Section):
    """Search methods on one axis of budgets, guided by the GenPRM of the first base. Without `sets` nothing is
    made."""

    sets: tuple[Key, ...] = ()
    """The sets of `scaling.sets` whose problems are searched, with the policy that drew their candidates."""
    methods: tuple[Annotated[Key, AfterValidator(_known)], ...] = ()
    """Names of methods (`genprm.registry.SEARCHES`); all methods when empty."""
    budgets: Annotated[tuple[Annotated[int, Field(ge=1)], ...], AfterValidator(_ascending)] = (
        *(1, 2, 4, 8, 16, 32, 64),
    )
    """Tokens of policy and judge per problem, in units of the mean tokens of one candidate."""
    mode: TurnMode = Mode.FULL
    """Mode in which the guiding model was trained and judges."""
    votes: Annotated[int, Field(ge=1)] = 1
    """Verification paths per step."""
    how: SearchSettings = SearchSettings()
    seed: int = 0

    @property
    def chosen_methods(self) -> tuple[str, ...]:
        """The methods that are compared."""
        return self.methods or tuple(SEARCHES.names())
