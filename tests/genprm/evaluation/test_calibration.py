"""Calibration error and curve against values computed by hand, brute force and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.evaluation.calibration import (
    Binning,
    LabelledRewards,
    ReliabilityBin,
    expected_calibration_error,
    labelled_rewards,
    reliability_curve,
)
from genprm.records import Prediction


def labelled(rewards: list[float], right: list[int]) -> LabelledRewards:
    return LabelledRewards(np.array(rewards), np.array(right, dtype=bool))


STEPS = labelled([0.05, 0.15, 0.25, 0.95, 0.95, 0.95, 0.85, 0.65], [0, 0, 1, 1, 1, 0, 1, 1])


def test_bins_of_equal_width_by_hand() -> None:
    curve = reliability_curve(STEPS, "width", 2)
    assert curve == [
        ReliabilityBin(3, pytest.approx(0.15), pytest.approx(1 / 3)),
        ReliabilityBin(5, pytest.approx(0.87), pytest.approx(4 / 5)),
    ]
    assert expected_calibration_error(curve) == pytest.approx((3 * (1 / 3 - 0.15) + 5 * (0.87 - 0.8)) / 8)


def test_bins_of_equal_mass_by_hand() -> None:
    """The median of the eight rewards is 0.75."""
    curve = reliability_curve(STEPS, "mass", 2)
    assert curve == [
        ReliabilityBin(4, pytest.approx(0.275), pytest.approx(2 / 4)),
        ReliabilityBin(4, pytest.approx(0.925), pytest.approx(3 / 4)),
    ]
    assert expected_calibration_error(curve) == pytest.approx((4 * 0.225 + 4 * 0.175) / 8)


def test_rewards_that_mean_what_they_say_have_no_error() -> None:
    steps = labelled([0.25] * 4 + [0.75] * 4, [1, 0, 0, 0, 1, 1, 1, 0])
    for binning in ("width", "mass"):
        assert expected_calibration_error(reliability_curve(steps, binning, 2)) == 0.0


def test_saturated_rewards_are_one_bin() -> None:
    curve = reliability_curve(labelled([1.0] * 10, [1] * 6 + [0] * 4), "mass")
    assert curve == [ReliabilityBin(10, 1.0, 0.6)]
    assert expected_calibration_error(curve) == pytest.approx(0.4)


SOME_STEPS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.37, 0.5, 0.8, 0.99, 1.0]), st.booleans()), min_size=1
)


@given(SOME_STEPS, st.sampled_from(["width", "mass"]), st.integers(1, 12))
def test_every_step_is_in_one_bin_in_order_and_no_error_is_above_that_of_single_steps(
    steps: list[tuple[float, bool]], binning: Binning, bins: int
) -> None:
    rewards, right = zip(*steps, strict=True)
    curve = reliability_curve(labelled(list(rewards), list(right)), binning, bins)
    means = [one.mean_reward for one in curve]

    assert sum(one.steps for one in curve) == len(steps)
    assert means == sorted(means)
    assert sum(one.steps * one.share_right for one in curve) == pytest.approx(sum(right))
    # A bin adds up distances before it takes their size: the triangle inequality
    distances = np.abs(np.array(rewards) - np.array(right, dtype=float))
    assert expected_calibration_error(curve) <= distances.mean() + 1e-9


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("mass", "quantile")])
@pytest.mark.parametrize("bins", [1, 5, 10])
def test_curves_are_those_of_scikit_learn(binning: Binning, strategy: str, bins: int) -> None:
    metrics = pytest.importorskip("sklearn.calibration")
    generator = np.random.default_rng(0)
    rewards = generator.beta(0.5, 0.3, size=500).round(2)
    steps = LabelledRewards(rewards, generator.random(500) < rewards**2)
    curve = reliability_curve(steps, binning, bins)
    share_right, mean_reward = metrics.calibration_curve(steps.right, rewards, n_bins=bins, strategy=strategy)

    assert [one.mean_reward for one in curve] == pytest.approx(mean_reward.tolist())
    assert [one.share_right for one in curve] == pytest.approx(share_right.tolist())


def prediction(label: int, rewards: list[float]) -> Prediction:
    steps = ["..."] * 4
    return Prediction("c", "math", "policy", "Add.", steps, label == -1, label, 0, rewards, [rewards], 0, 0)


def test_steps_behind_the_first_wrong_one_have_no_label() -> None:
    cases = [
        prediction(-1, [0.9, 0.8, 0.7, 0.6]),
        prediction(1, [0.9, 0.2, 0.1, 0.3]),
        prediction(2, [0.4]),
        prediction(0, [0.1, 0.9]),
    ]
    steps = labelled_rewards(cases)
    assert steps.rewards.tolist() == [0.9, 0.8, 0.7, 0.6, 0.9, 0.2, 0.4, 0.1]
    assert steps.right.tolist() == [True, True, True, True, True, False, True, False]


@pytest.mark.parametrize(
    ("rewards", "right", "message"),
    [
        ([], [], r"shapes \(0,\) and \(0,\), allowed: one dimension, alike, not empty"),
        ([0.1, 0.2], [1], r"shapes \(2,\) and \(1,\), allowed"),
        ([0.1, 1.2], [1, 0], r"a reward is 1\.2, allowed: a number from 0 to 1"),
        ([float("nan")], [1], r"a reward is nan, allowed"),
    ],
)
def test_rewards_that_are_none_are_refused(rewards: list[float], right: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        labelled(rewards, right)


def test_a_curve_needs_bins() -> None:
    with pytest.raises(ValueError, match="bins is 0, allowed: a whole number from 1"):
        reliability_curve(STEPS, "mass", 0)
    with pytest.raises(ValueError, match="no bins"):
        expected_calibration_error([])
