"""The first wrong step as a change point: cases that people agree on, and the sum over all paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.labels import change_point
from genprm.labels.change_point import ERROR, error_free

SCORES = st.lists(st.tuples(st.integers(1, 32), st.sampled_from([8, 16, 32])), min_size=1, max_size=6)


def test_a_sound_solution_stays_sound() -> None:
    assert min(error_free(0.5, [0.7, 0.8, 0.9, 1.0], [32, 32, 32, 0])) > 0.8


def test_a_step_that_nothing_survives_is_the_first_error() -> None:
    before, at, after = error_free(0.5, [0.7, 0.0, 0.0], [32, 32, 0])
    assert before > 0.8
    assert at < 0.05
    assert after <= at


def test_a_drop_that_lasts_is_an_error_and_a_dip_is_not() -> None:
    # the ratio, 0.4, is the same
    lasting = error_free(0.5, [0.75, 0.75, 0.3, 0.3, 0.25, 0.0], [32, 32, 32, 32, 32, 0])
    dip = error_free(0.5, [0.75, 0.75, 0.3, 0.8, 0.75, 1.0], [8, 8, 8, 32, 32, 0])
    assert lasting[1] > 0.5 > lasting[2]
    assert dip[2] > 0.5


def test_more_rollouts_make_the_same_drop_more_certain() -> None:
    chances = [error_free(0.5, [0.8, 0.5, 0.5, 1.0], [n, n, n, 0])[1] for n in (8, 32, 128)]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < 0.5 < chances[0]


def test_a_wrong_answer_has_an_error_by_its_last_step() -> None:
    chances = error_free(0.5, [0.9, 0.9, 0.95, 0.0], [32, 32, 32, 0])
    assert chances[2] > 0.5
    assert chances[3] < 0.01


def test_without_rollouts_the_prior_speaks() -> None:
    # four steps, of which the last is right: nearly half of the solutions have an error before, as many each
    chances = error_free(0.5, [0.0] * 4, [0, 0, 0, 0])
    assert chances == pytest.approx([1 - ERROR * n / 4 for n in (1, 2, 3, 4)])


@given(st.floats(0, 1), SCORES)
def test_chances_fall_from_step_to_step(pass_at_1: float, counts: list[tuple[int, int]]) -> None:
    scores = [min(reached, drawn) / drawn for reached, drawn in counts]
    chances = error_free(pass_at_1, scores, [drawn for _, drawn in counts])
    assert all(0 <= later <= earlier <= 1 for earlier, later in itertools.pairwise(chances))


def test_chances_are_the_sum_over_all_paths_of_shares() -> None:
    # three steps with rollouts: every path through the grid, under every first error, one by one
    reached, drawn = [5, 2, 3], [6, 5, 8]
    right, wrong, after = change_point._moves()
    shares = change_point._shares()
    start = change_point._normal(shares[1:], change_point.START_ABOVE, change_point.START_SPREAD)
    seen = [shares**k * (1 - shares) ** (n - k) for k, n in zip(reached, drawn, strict=True)]
    prior = np.concatenate([[0.0], start])
    # a first step that is right has the share that the completion model starts from
    first_moves = {None: np.eye(len(shares)), 0: wrong}

    def total(first_error: int | None) -> float:
        one = first_moves.get(first_error, first_moves[None])
        later = [
            wrong if step == first_error else after if first_error is not None and step > first_error else right
            for step in (1, 2)
        ]
        return float(np.einsum("a,ab,b,bc,c,cd,d->", prior, one, seen[0], later[0], seen[1], later[1], seen[2]))

    weights = [(1 - ERROR) * total(None), *(ERROR / 3 * total(step) for step in range(3))]
    expected = [1 - sum(weights[1 : 2 + step]) / sum(weights) for step in range(3)]
    scores = [k / n for k, n in zip(reached, drawn, strict=True)]
    assert error_free(0.5, scores, drawn) == pytest.approx(expected, rel=1e-9)
