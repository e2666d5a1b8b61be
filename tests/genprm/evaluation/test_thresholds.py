"""The tuned threshold against trying every one."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genprm.evaluation.metrics import f1
from genprm.evaluation.thresholds import tune_threshold
from genprm.verification.rewards import first_error

SOLUTIONS = st.lists(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.51, 0.9, 1.0]), min_size=1, max_size=5).flatmap(
        lambda rewards: st.tuples(st.just(rewards), st.integers(-1, len(rewards) - 1))
    ),
    min_size=2,
    max_size=8,
)


def score(rewards: list[list[float]], labels: list[int], threshold: float) -> float:
    right = {True: [], False: []}
    for row, label in zip(rewards, labels, strict=True):
        right[label == -1].append(first_error(row, threshold) == label)
    return float(f1(*(sum(hits) / len(hits) for hits in (right[False], right[True]))))


@given(solutions=SOLUTIONS)
def test_no_threshold_has_a_higher_f1(solutions: list[tuple[list[float], int]]) -> None:
    rewards, labels = [row for row, _ in solutions], [label for _, label in solutions]
    assume(len({label == -1 for label in labels}) == 2)
    values = {value for row in rewards for value in row}
    tried = [edge for value in values for edge in (value, math.nextafter(value, math.inf))]
    best = max(score(rewards, labels, threshold) for threshold in tried)
    assert score(rewards, labels, tune_threshold(rewards, labels)) == pytest.approx(best)


def test_the_threshold_lies_between_right_and_wrong_steps() -> None:
    assert tune_threshold([[0.9, 0.8], [0.7, 0.4]], [-1, 1]) == pytest.approx(0.55)


def test_one_kind_of_solution_is_not_enough() -> None:
    with pytest.raises(ValueError, match="with and without an error"):
        tune_threshold([[0.9]], [-1])
