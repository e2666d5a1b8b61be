"""Maj@N is a mean of rewards, Pass@1 a mean of metrics; both checked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.scaling.voting import majority_first_error, majority_rewards, pass_at_1


@pytest.mark.parametrize(
    ("paths", "rewards", "prediction"),
    [
        ([[0.9, 0.4]], [0.9, 0.4], 1),
        ([[1.0, 0.0], [0.5, 0.75]], [0.75, 0.375], 1),
        # One sure Yes outweighs two hesitant Nos, which would win a vote on verdicts.
        ([[0.98], [0.4], [0.3]], [0.56], -1),
        # The first path stopped at its first error: the later steps belong to the others.
        ([[0.25], [0.875, 0.25], [0.75, 0.75, 1.0]], [0.625, 0.5, 1.0], -1),
    ],
)
def test_the_reward_of_a_step_is_the_mean_over_paths(
    paths: list[list[float]], rewards: list[float], prediction: int
) -> None:
    assert majority_rewards(paths) == pytest.approx(rewards)
    assert majority_first_error(paths) == prediction


def test_the_threshold_applies_to_the_mean() -> None:
    assert majority_first_error([[0.5, 0.9], [0.7, 0.9]], threshold=0.65) == 0


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_vote_lies_between_its_paths_and_knows_no_order(paths: list[list[float]]) -> None:
    votes = majority_rewards(paths)
    assert len(votes) == max(map(len, paths))
    assert votes == pytest.approx(majority_rewards(paths[::-1]))
    for t, vote in enumerate(votes):
        values = [path[t] for path in paths if len(path) > t]
        assert min(values) - 1e-9 <= vote <= max(values) + 1e-9


def test_no_paths_are_refused() -> None:
    with pytest.raises(ValueError, match="no verification paths"):
        majority_rewards([])


def test_pass_at_1_is_the_mean_of_the_metric_over_single_paths() -> None:
    """Two cases with labels 1 and -1; path 0 gets both right, path 1 one of them: sd 0.25 * sqrt 2."""
    labels = [1, -1]

    def accuracy(predictions: list[int]) -> float:
        return sum(p == label for p, label in zip(predictions, labels, strict=True)) / len(labels)

    result = pass_at_1([[[0.9, 0.1], [0.9, 0.9]], [[0.9, 0.9], [0.6, 0.5]]], accuracy)
    assert result.values == [1.0, 0.5]
    assert result.mean == 0.75
    assert result.spread == pytest.approx(0.25 * 2**0.5)


def test_one_path_has_no_spread() -> None:
    assert pass_at_1([[[0.4]]], lambda predictions: float(predictions[0])) == (0.0, 0.0, [0.0])


@pytest.mark.parametrize("cases", [[], [[]], [[[0.5]], [[0.5], [0.5]]]])
def test_every_case_needs_the_same_number_of_paths(cases: list[list[list[float]]]) -> None:
    with pytest.raises(ValueError, match="same number of paths"):
        pass_at_1(cases, lambda predictions: 0.0)
