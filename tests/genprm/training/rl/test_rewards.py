"""Rewards of a verification, against the published formulas and by going through all that can happen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from genprm.settings import ReinforcementSettings
from genprm.training.rl.episodes import Episode
from genprm.training.rl.rewards import REWARDS, location, outcome, steps_judged, total_reward
from genprm.verification.conversation import Verdict


def episodes(most_steps: int = 4) -> Iterator[Episode]:
    """Every episode of a solution of up to so many steps."""
    for steps in range(1, most_steps + 1):
        for label in range(-1, steps):
            yield Episode(label, steps, ("Yes",) * steps)
            for judged, last in itertools.product(range(steps), ("No", "none")):
                verdicts: tuple[Verdict, ...] = (*("Yes",) * judged, last)  # type: ignore[assignment]
                yield Episode(label, steps, verdicts)


def released_reward(prediction: int | None, label: int, total_steps: int) -> float:
    """The reward as FAPO's paper writes it: R_outcome + R_process, where both are of a solution judged wrong."""
    right = prediction is not None and (prediction == -1) == (label == -1)
    r_outcome = 1.0 if right else -1.0
    r_process = -abs(prediction - label) / total_steps if right and label != -1 and prediction is not None else 0.0
    return r_outcome + r_process


def test_location_is_the_reward_of_fapo() -> None:
    for episode in episodes():
        assert location(episode) == pytest.approx(released_reward(episode.prediction, episode.label, episode.steps))


@pytest.mark.parametrize("reward", REWARDS.values(), ids=REWARDS.keys())
def test_the_right_verification_has_the_highest_reward_and_that_is_one(reward: object) -> None:
    assert callable(reward)
    for episode in episodes():
        assert -1 <= reward(episode) <= 1
        if episode.prediction == episode.label:
            assert reward(episode) == 1


def test_outcome_does_not_know_which_step_is_wrong() -> None:
    for steps, label in [(4, 0), (4, 3)]:
        found = {outcome(Episode(label, steps, ("Yes",) * judged + ("No",))) for judged in range(steps)}
        assert found == {1.0}
        assert outcome(Episode(label, steps, ("Yes",) * steps)) == -1.0


@pytest.mark.parametrize(
    ("verdicts", "label", "reward"),
    [
        (("Yes", "Yes", "No"), 2, 1.0),
        (("Yes", "Yes", "Yes", "Yes"), 2, 2 / 3 - 1 / 3),  # the wrong step passed; what follows has no label
        (("Yes", "No"), -1, (1 - 3) / 4),
        (("Yes", "none"), -1, (1 - 3) / 4),
        (("No",), 0, 1.0),
    ],
)
def test_steps_count_up_to_the_first_wrong_one(verdicts: tuple[Verdict, ...], label: int, reward: float) -> None:
    assert steps_judged(Episode(label, 4, verdicts)) == pytest.approx(reward)


def test_costs_are_taken_off() -> None:
    settings = ReinforcementSettings(reward="outcome", format_cost=0.5, token_cost=0.1)
    assert total_reward(Episode(-1, 2, ("Yes", "Yes"), tokens=3000), settings) == pytest.approx(1 - 0.3)
    assert total_reward(Episode(-1, 2, ("Yes", "none"), tokens=1000), settings) == pytest.approx(-1 - 0.5 - 0.1)


def test_a_verdict_that_is_missing_is_no_prediction() -> None:
    assert Episode(-1, 2, ("Yes", "none")).prediction is None
    assert Episode(-1, 2, ()).prediction is None
    assert not Episode(-1, 2, ()).well_formed
