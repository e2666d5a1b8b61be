"""What a policy is rewarded for: pure functions of a checked final answer and of judged steps."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from genprm.verification.rewards import THRESHOLD

FLAWED = 0.5
"""Gated reward of a right answer with a wrong step: the middle between a wrong answer and a flawless solution."""


class Choice(StrEnum):
    """What is rewarded."""

    OUTCOME = "outcome"
    """The right final answer, whatever the steps."""
    STEPS = "steps"
    """A solution in which every step is right, whatever its final answer; no reference is needed."""
    GATED = "gated"
    """The right final answer; in full only where no step is wrong, else half; after FAPO (arXiv 2510.22543),
    which also pays a right answer with a flaw less than one without. The numbers are ours."""
    SHARE = "share"
    """The share of right steps; it can be raised by writing many steps that are sure to be right."""

    @property
    def needs_reference(self) -> bool:
        """Whether the final answer counts."""
        return self in (Choice.OUTCOME, Choice.GATED)

    def needs_steps(self, answer_right: bool | None) -> bool:
        """Whether the reward is still open when only the final answer is known."""
        return self is not Choice.OUTCOME and not (self is Choice.GATED and not answer_right)


def policy_reward(
    choice: Choice,
    answer_right: bool | None,
    step_rewards: Sequence[float | None],
    threshold: float = THRESHOLD,
) -> float | None:
    """The reward of one solution in [0, 1]; None where a step without a verdict leaves it open.

    Args:
        answer_right: whether the final answer is right; None where it was not checked.
        step_rewards: one per step, None for a step without a verdict. They do not count where the final answer
            decides (`Choice.needs_steps`).
        threshold: a step is wrong when its reward is below this.

    Raises:
        ValueError: the final answer counts and was not checked, or the steps count and there are none.

    >>> [policy_reward(Choice.GATED, True, steps) for steps in ([0.9, 0.8], [0.9, 0.2], [0.9, None])]
    [1.0, 0.5, None]
    >>> policy_reward(Choice.GATED, False, [])
    0.0
    >>> policy_reward(Choice.SHARE, None, [0.9, 0.8, 0.2, 0.9])
    0.75
    """
    if choice.needs_reference and answer_right is None:
        raise ValueError(f"the final answer was not checked; the reward {choice.value!r} needs it")
    if not choice.needs_steps(answer_right):
        return float(bool(answer_right))
    if not step_rewards:
        raise ValueError(f"there are no steps; the reward {choice.value!r} needs them")
    judged = [reward for reward in step_rewards if reward is not None]
    right = sum(reward >= threshold for reward in judged)
    is_open = len(judged) < len(step_rewards)
    if choice is Choice.SHARE:
        return None if is_open else right / len(judged)
    if right < len(judged):  # one wrong step decides, whatever the unjudged ones are
        return FLAWED if choice is Choice.GATED else 0.0
    return None if is_open else 1.0
