"""The recipe: which documents each model learns from, for how long and how fast. Every number that can be tuned is
here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from genprm.miniature.world.solutions import Habits


@dataclass(frozen=True, slots=True)
class Diet:
    """Shares of the kinds of documents (they need not add up to one).

    `solve` is right solutions, `careless` solutions with mistakes, `care` continued beginnings, `refine`
    repaired solutions, `plan` analyses without a student, `recital` facts repeated, `drill` bare calculations,
    `weak` hasty verification, `verify` good verification.
    """

    solve: float = 0.0
    careless: float = 0.0
    care: float = 0.0
    refine: float = 0.0
    plan: float = 0.0
    recital: float = 0.0
    drill: float = 0.0
    weak: float = 0.0
    verify: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One training run in one process, of `minutes`.

    `rate` multiplies the learning rates; from the share `flat` of the time on they fall to zero (1: they never
    fall).
    """

    name: str
    start: str | None
    diet: Diet
    minutes: float
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
    batch_tokens: int = 3072
    seed: int = 1
    habits: Habits = field(default_factory=lambda: Habits().scaled(0.5))
    careful_habits: Habits = field(default_factory=lambda: Habits().scaled(0.1))
    # Made-up mistakes that judges see beside the policy's own: mostly the kinds that are hard to find.
    judged_habits: Habits = field(
        default_factory=lambda: Habits(arith=0.03, operation=0.03, quantity=0.06, fact=0.07, early=0.05, extra=0.04)
    )
    recovery: float = 0.85
    mode_shares: tuple[tuple[str, float], ...] = (
        ("full", 0.48),
        ("cot", 0.22),
        ("code", 0.03),
        ("text", 0.03),
        ("direct", 0.24),
    )
    wrong_share: float = 0.5
    sampled_share: float = 0.75
    corrected_share: float = 0.6
    policy_samples: int = 18000
    # Copying of numbers and names is learnt late, when the rate falls: it falls in every stage but the judge's.
    trunk: Stage = Stage(
        "trunk", None, Diet(solve=0.34, plan=0.22, recital=0.16, drill=0.12, verify=0.16), 25.0, flat=0.5
    )
    policy: Stage = Stage(
        "policy", "trunk", Diet(careless=0.36, care=0.46, refine=0.12, drill=0.06), 15.0, rate=0.5, flat=0.3
    )
    judge: Stage = Stage("judge", "trunk", Diet(verify=0.5, plan=0.22, recital=0.22, drill=0.06), 15.0, rate=0.5)
    rationale: Stage = Stage(
        "rationale",
        "judge",
        Diet(verify=0.5, plan=0.24, recital=0.22, drill=0.04),
        30.0,
        rate=0.45,
        flat=0.4,
        samples=True,
    )
    # The same skills under a bad habit, in every mode: fine-tuning can bring them back, as they are still there.
    base: Stage = Stage(
        "base",
        "rationale",
        Diet(solve=0.03, plan=0.04, recital=0.08, drill=0.03, weak=0.82),
        10.0,
        rate=0.25,
        flat=0.1,
        samples=True,
    )

    @property
    def order(self) -> tuple[tuple[Stage, ...], ...]:
        """The stages in the order in which they run; those of one inner tuple run side by side."""
        return (self.trunk,), (self.policy, self.judge), (self.rationale,), (self.base,)
