"""The recipe: which documents each model learns from, for how long and how fast. Every number that can be tuned is
here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from genprm.miniature.solutions import Habits


@dataclass(frozen=True, slots=True)
class Diet:
    """Shares of the kinds of documents (they need not add up to one).

    `solve` is right solutions, `careless` solutions with mistakes, `care` finished beginnings, `refine`
    repaired solutions, `plan` analyses without a student, `drill` bare calculations, `weak` sycophantic
    verification, `verify` good verification.
    """

    solve: float = 0.0
    careless: float = 0.0
    care: float = 0.0
    refine: float = 0.0
    plan: float = 0.0
    drill: float = 0.0
    weak: float = 0.0
    verify: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One training run. `minutes` is its share of the clock, `processes` how many cores work on it together.

    `rate` multiplies the learning rates; from the share `flat` of the time on they fall to zero (1: they never
    fall).
    """

    name: str
    start: str | None
    diet: Diet
    minutes: float
    processes: int = 1
    rate: float = 1.0
    flat: float = 1.0
    samples: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the shipped models are made."""

    matrix_rate: float = 0.02
    other_rate: float = 3e-3
    weight_decay: float = 0.01
    warm_up_steps: int = 50
    batch_tokens: int = 2048
    steps_between_sharing: int = 8
    seed: int = 1
    habits: Habits = field(default_factory=lambda: Habits().scaled(0.5))
    careful_habits: Habits = field(default_factory=lambda: Habits().scaled(0.1))
    recovery: float = 0.6
    mode_shares: tuple[tuple[str, float], ...] = (
        ("full", 0.42),
        ("cot", 0.28),
        ("code", 0.1),
        ("text", 0.06),
        ("direct", 0.14),
    )
    wrong_share: float = 0.5
    sampled_share: float = 0.7
    policy_samples: int = 6000
    trunk: Stage = Stage("trunk", None, Diet(solve=0.42, plan=0.3, drill=0.14, weak=0.14), 24.0, processes=2)
    policy: Stage = Stage("policy", "trunk", Diet(careless=0.5, care=0.35, refine=0.07, drill=0.08), 30.0, flat=0.5)
    judge: Stage = Stage("judge", "trunk", Diet(verify=0.62, plan=0.27, drill=0.11), 12.0)
    base: Stage = Stage("base", "trunk", Diet(solve=0.25, plan=0.2, drill=0.05, weak=0.5), 12.0, rate=0.7, flat=0.3)
    rationale: Stage = Stage(
        "rationale",
        "judge",
        Diet(verify=0.75, plan=0.15, drill=0.1),
        37.0,
        processes=2,
        rate=0.8,
        flat=0.3,
        samples=True,
    )
