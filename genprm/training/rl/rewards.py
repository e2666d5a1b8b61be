"""Rewards of a verification: pure functions of an episode, each in [-1, 1], and what is taken off for its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from genprm.records import NO_ERROR
from genprm.settings import ReinforcementSettings
from genprm.training.rl.episodes import Episode

Reward: TypeAlias = Callable[[Episode], float]


def outcome(episode: Episode) -> float:
    """1 where the solution as a whole is judged rightly, else -1; no label of a single step is needed.

    Source: TIPS (arXiv 2609.36641) trains a verifier that labels steps with labels of whole solutions alone.

    >>> outcome(Episode(label=2, steps=4, verdicts=("No",)))
    1.0
    """
    if episode.prediction is None:
        return -1.0
    return 1.0 if (episode.prediction == NO_ERROR) == (episode.label == NO_ERROR) else -1.0


def location(episode: Episode) -> float:
    """1 where the solution as a whole is judged rightly, less the distance between the named and the wrong step
    divided by the number of steps; else -1.

    Source: FAPO (arXiv 2510.22543, reward of FAPO-GenRM; its recipe in verl gives -1 where there is no answer).

    >>> location(Episode(label=2, steps=4, verdicts=("No",)))
    0.5
    """
    reward = outcome(episode)
    if reward < 0 or episode.prediction is None:
        return reward
    return reward - abs(episode.prediction - episode.label) / episode.steps


def steps_judged(episode: Episode) -> float:
    """Mean over the labelled steps: 1 for a verdict that agrees with the label, else -1.

    The steps up to the first wrong one are labelled, or all. A step that was not reached, because an earlier one
    was judged wrong or got no verdict, counts -1: otherwise an early No would avoid the risk of the steps after it.

    Source: verdict against label per step, as StepWiser (arXiv 2508.19229) rewards its judge; the mean over the
    solution is ours.

    >>> steps_judged(Episode(label=3, steps=5, verdicts=("Yes", "No")))
    -0.5
    """
    right = sum(reward > 0 for reward in step_rewards(episode))
    return 2 * right / _labelled(episode) - 1


def step_rewards(episode: Episode) -> list[float]:
    """1 for each verdict that agrees with its step's label, else -1; steps after the first wrong one have no label.

    >>> step_rewards(Episode(label=1, steps=4, verdicts=("Yes", "Yes", "Yes")))
    [1.0, -1.0]
    """
    return [
        1.0 if verdict == ("No" if index == episode.label else "Yes") else -1.0
        for index, verdict in enumerate(episode.verdicts[: _labelled(episode)])
    ]


def _labelled(episode: Episode) -> int:
    return episode.steps if episode.label == NO_ERROR else episode.label + 1


REWARDS: Mapping[str, Reward] = {"location": location, "outcome": outcome, "steps": steps_judged}
"""The rewards by the names that `training.rl.reward` knows."""


def total_reward(episode: Episode, settings: ReinforcementSettings) -> float:
    """The reward of the settings, less `format_cost` where a verdict is missing and `token_cost` for every thousand
    tokens written.

    >>> episode = Episode(label=-1, steps=1, verdicts=("Yes",), tokens=500)
    >>> total_reward(episode, ReinforcementSettings(token_cost=0.1))
    0.95
    """
    cost = settings.token_cost * episode.tokens / 1000
    if not episode.well_formed:
        cost += settings.format_cost
    return REWARDS[settings.reward](episode) - cost
