"""Choices agree with what they say, on every solution of up to four steps."""

from itertools import product

import pytest

from genprm.policy_rewards.choices import Choice, policy_reward

JUDGEMENTS = {0.9: True, 0.5: True, 0.1: False}
"""Rewards, and whether ProcessBench's threshold of 0.5 calls the step right."""
SOLUTIONS = [list(steps) for length in range(1, 5) for steps in product(JUDGEMENTS, repeat=length)]


@pytest.mark.parametrize("answer_right", [True, False])
def test_rewards_of_judged_solutions_by_their_definitions(answer_right: bool) -> None:
    for steps in SOLUTIONS:
        right = [JUDGEMENTS[reward] for reward in steps]
        assert policy_reward(Choice.OUTCOME, answer_right, []) == (1.0 if answer_right else 0.0)
        assert policy_reward(Choice.STEPS, None, steps) == (1.0 if all(right) else 0.0)
        assert policy_reward(Choice.SHARE, None, steps) == right.count(True) / len(right)
        # FAPO: 1 and -1 for a right and a wrong answer, less 1 for a right answer with a flaw
        fapo = (1 if answer_right else -1) - (1 if answer_right and not all(right) else 0)
        assert policy_reward(Choice.GATED, answer_right, steps) == (fapo + 1) / 2


@pytest.mark.parametrize("choice", Choice)
@pytest.mark.parametrize("answer_right", [True, False])
def test_an_unjudged_step_counts_only_where_no_verdict_of_it_would_change_the_reward(
    choice: Choice, answer_right: bool
) -> None:
    for steps in SOLUTIONS:
        for index in range(len(steps)):
            unjudged = [*steps[:index], None, *steps[index + 1 :]]
            possible = {
                policy_reward(choice, answer_right, [*steps[:index], verdict, *steps[index + 1 :]])
                for verdict in JUDGEMENTS
            }
            expected = possible.pop() if len(possible) == 1 else None
            assert policy_reward(choice, answer_right, unjudged) == expected


def test_padding_with_sure_steps_pays_only_where_the_share_is_rewarded() -> None:
    short, padded = [0.9, 0.1], [0.9, 0.9, 0.9, 0.9, 0.1]
    gains = {choice: policy_reward(choice, True, padded) - policy_reward(choice, True, short) for choice in Choice}
    assert [choice for choice, gain in gains.items() if gain > 0] == [Choice.SHARE]


def test_what_is_needed_must_be_there() -> None:
    with pytest.raises(ValueError, match="the final answer was not checked; the reward 'gated' needs it"):
        policy_reward(Choice.GATED, None, [0.9])
    with pytest.raises(ValueError, match="there are no steps; the reward 'share' needs them"):
        policy_reward(Choice.SHARE, True, [])
