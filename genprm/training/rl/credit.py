"""Credit assignment: an advantage per token where each judged step has a reward of its own.

With one reward for a whole verification, the analysis of a step that was judged rightly is blamed for a mistake
three steps later. Here the judgement of a step is compared with those of the same step in the other verifications
of its group (a group relative to the step; after the per-step rewards of StepWiser, arXiv 2508.19229).
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence

from genprm.settings import ReinforcementSettings
from genprm.training.rl.rewards import step_rewards
from genprm.training.rl.rollouts import Rollout

_LEAST_SPREAD = 1e-4
"""Added to a standard deviation before it divides, as TRL does."""


def token_advantages(rollouts: Sequence[Rollout], rl: ReinforcementSettings) -> list[list[float]]:
    """The advantage of each token of each conversation, group by group; 0 for what the model did not write.

    A step that only one verification of a group has judged has nothing to be compared with: its advantage is 0.
    """
    found = []
    for first in range(0, len(rollouts), rl.group):
        group = rollouts[first : first + rl.group]
        of_steps = _step_advantages(group, rl)
        for rollout, advantages in zip(group, of_steps, strict=True):
            found.append([advantages.get(step, 0.0) for step in rollout.sequence.steps])
    return found


def _step_advantages(group: Sequence[Rollout], rl: ReinforcementSettings) -> list[dict[int, float]]:
    """The advantage of each verification of one solution at each step that it judged and that has a label."""
    by_step: dict[int, dict[int, float]] = defaultdict(dict)
    for number, rollout in enumerate(group):
        for step, reward in enumerate(step_rewards(rollout.episode)):
            by_step[step][number] = reward
    found: list[dict[int, float]] = [{} for _ in group]
    for step, rewards in by_step.items():
        mean, spread = statistics.fmean(rewards.values()), 1.0
        if rl.scale == "group" and len(rewards) > 1:
            spread = statistics.stdev(rewards.values()) + _LEAST_SPREAD
        for number, reward in rewards.items():
            found[number][step] = (reward - mean) / spread
    return found
