"""Advantages of tokens, worked out by hand."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from genprm.settings import ReinforcementSettings
from genprm.training.rl.credit import token_advantages
from genprm.training.rl.episodes import Episode
from genprm.training.rl.recording import TokenSequence
from genprm.training.rl.rollouts import Rollout
from genprm.verification.conversation import Verdict

BY_STEP = ReinforcementSettings(reward="steps", credit="step", group=2, scale="none")


def rollout(label: int, *verdicts: Verdict) -> Rollout:
    """Of three steps; each verdict is two tokens behind one of others."""
    steps = [step for index in range(len(verdicts)) for step in (-1, index, index)]
    return Rollout(Episode(label, 3, verdicts), TokenSequence([7] * len(steps), steps))


def test_a_step_is_compared_with_the_same_step_of_the_group_alone() -> None:
    found = token_advantages([rollout(-1, "Yes", "No"), rollout(-1, "Yes", "Yes", "Yes")], BY_STEP)
    assert found == [
        [0.0, 0.0, 0.0, 0.0, -1.0, -1.0],
        # Nobody else judged the last step.
        [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0],
    ]


def test_steps_behind_the_first_wrong_one_have_no_label() -> None:
    found = token_advantages([rollout(0, "Yes", "Yes"), rollout(0, "Yes", "No")], BY_STEP)
    assert found == [[0.0] * 6, [0.0] * 6]


def test_a_missing_verdict_is_a_wrong_one_and_groups_are_apart() -> None:
    rows = [rollout(-1, "none"), rollout(-1, "Yes"), rollout(1, "No"), rollout(1, "No")]
    found = token_advantages(rows, BY_STEP)
    assert found == [[0.0, -1.0, -1.0], [0.0, 1.0, 1.0], [0.0] * 3, [0.0] * 3]


@pytest.mark.parametrize("other", [{"reward": "outcome"}, {"token_cost": 0.1}, {"format_cost": 0.5}])
def test_rewards_of_whole_verifications_have_no_credit_by_step(other: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="allowed: reward 'steps' without costs"):
        ReinforcementSettings.model_validate({"reward": "steps", "credit": "step", **other})
