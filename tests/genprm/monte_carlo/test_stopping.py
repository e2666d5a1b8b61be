"""When a step has had enough rollouts: the statistics against brute force, and the promises they make."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.monte_carlo.rollouts import batch_ends
from genprm.monte_carlo.stopping import Count, evidence, flip_probability, stop_reason
from genprm.settings import SequentialSettings

COUNTS = st.integers(1, 40).flatmap(lambda n: st.builds(Count, st.integers(0, n), st.just(n)))
EPSILONS = st.sampled_from([0.3, 0.8, 1.0, 1.25])
GRID = np.linspace(0.0005, 0.9995, 1000)


def log_likelihood(count: Count, share: np.ndarray) -> np.ndarray:
    return count.reached * np.log(share) + (count.drawn - count.reached) * np.log(1 - share)


def largest(after: Count, before: Count, epsilon: float, *, kept: bool) -> float:
    """The largest log-likelihood over a grid of shares on one side of p = epsilon p'."""
    p, p_before = np.meshgrid(GRID, GRID)
    inside = (p >= epsilon * p_before) == kept
    return float((log_likelihood(after, p) + log_likelihood(before, p_before))[inside].max())


@given(COUNTS, COUNTS, EPSILONS)
def test_no_label_has_evidence_while_the_shares_say_the_other(after: Count, before: Count, epsilon: float) -> None:
    found = evidence(after, before, epsilon)
    if after.share < epsilon * before.share:
        assert found.kept <= 1e-9
    else:
        assert found.lost <= 1e-9


@pytest.mark.parametrize(
    ("after", "before"),
    [
        (Count(7, 8), Count(7, 8)),
        (Count(20, 24), Count(18, 32)),
        (Count(30, 40), Count(2, 9)),
        (Count(1, 4), Count(0, 4)),
    ],
)
def test_evidence_divides_by_the_best_case_of_what_it_refutes(after: Count, before: Count) -> None:
    # Between two epsilons only that best case changes. A grid finds it without the closed form.
    tight, loose = (evidence(after, before, epsilon).kept for epsilon in (0.8, 0.5))
    best_tight, best_loose = (largest(after, before, epsilon, kept=False) for epsilon in (0.8, 0.5))
    assert loose - tight == pytest.approx(best_tight - best_loose, abs=0.02)


def chance(count: Count, share: float) -> float:
    return share**count.reached * (1 - share) ** (count.drawn - count.reached)


@pytest.mark.parametrize(("share", "before", "epsilon"), [(0.79, 1.0, 0.8), (0.4, 0.5, 0.81), (0.2, 0.25, 1.0)])
def test_an_e_value_is_one_or_less_on_average_under_what_it_refutes(
    share: float, before: float, epsilon: float
) -> None:
    # exactly, over every outcome of 6 rollouts after and 5 before: E[e] <= 1 for label 1, whose opposite is true
    mean = sum(
        math.comb(6, k)
        * math.comb(5, k_before)
        * chance(Count(k, 6), share)
        * chance(Count(k_before, 5), before)
        * math.exp(evidence(Count(k, 6), Count(k_before, 5), epsilon).kept)
        for k, k_before in itertools.product(range(7), range(6))
    )
    assert mean <= 1


@pytest.mark.parametrize(("share", "given", "epsilon"), [(0.79, 1.0, 0.8), (0.1, 0.5, 0.8)])
def test_so_is_one_against_a_given_share(share: float, given: float, epsilon: float) -> None:
    mean = sum(
        math.comb(9, k) * chance(Count(k, 9), share) * math.exp(evidence(Count(k, 9), given, epsilon).kept)
        for k in range(10)
    )
    assert mean <= 1


def test_some_known_decisions() -> None:
    enough = math.log(10)  # at error 0.1
    # a share of 1 after 1: rollouts needed are between log(10) / log(1/0.8) = 10.3 and twice as many
    needed = next(n for n in range(1, 99) if evidence(Count(n, n), Count(n, n), 0.8).kept >= enough)
    assert 10.3 <= needed <= 20
    # half the share of a sure step: (0.8 / 0.5)-fold less is seen in a few dozen
    needed = next(n for n in range(2, 99, 2) if evidence(Count(n // 2, n), Count(n, n), 0.8).lost >= enough)
    assert 6 <= needed <= 40
    # nothing can decide p against 0.8 p' when neither was drawn enough
    assert max(evidence(Count(4, 8), Count(5, 8), 0.8)) < enough


@given(COUNTS, COUNTS, EPSILONS, st.integers(0, 8))
def test_the_chance_of_another_label_is_that_of_all_futures(
    after: Count, before: Count, epsilon: float, more: int
) -> None:
    rollouts = max(after.drawn, before.drawn) + more

    def futures(count: Count) -> list[tuple[int, float]]:
        # Polya's urn, draw by draw, from Jeffreys' prior
        chances = {count.reached: 1.0}
        for drawn in range(count.drawn, rollouts):
            new: dict[int, float] = {}
            for reached, p in chances.items():
                hit = (reached + 0.5) / (drawn + 1)
                new[reached + 1] = new.get(reached + 1, 0) + p * hit
                new[reached] = new.get(reached, 0) + p * (1 - hit)
            chances = new
        return list(chances.items())

    now = after.share >= epsilon * before.share - 1e-9
    flips = sum(
        p * q
        for (k, p), (k_before, q) in itertools.product(futures(after), futures(before))
        if (k >= epsilon * k_before - 1e-9) != now
    )
    assert flip_probability(after, before, epsilon, rollouts) == pytest.approx(flips, abs=1e-9)


def test_with_all_rollouts_drawn_no_label_can_change() -> None:
    assert flip_probability(Count(51, 64), Count(64, 64), 0.8, 64) == 0
    assert flip_probability(Count(5, 64), 0.5, 0.8, 64) == 0


@pytest.mark.parametrize(
    ("after", "before", "reason"),
    [
        (Count(24, 24), Count(24, 24), "kept"),
        (Count(4, 24), Count(24, 24), "lost"),
        (Count(0, 24), Count(24, 24), "dead"),
        (Count(0, 20), Count(20, 20), None),  # no rollout arrives, but one in ten might: 0.9^20 > 0.1
        (Count(0, 24), Count(1, 24), None),  # and here the label itself is open
        (Count(12, 24), Count(15, 24), None),
        (Count(24, 48), Count(20, 48), "settled"),
    ],
)
def test_reasons(after: Count, before: Count, reason: str | None) -> None:
    assert stop_reason(after, before, 64, 0.1, SequentialSettings(error=0.1, flip=0.05)) == reason


def test_without_flip_nothing_is_settled() -> None:
    assert stop_reason(Count(24, 48), Count(20, 48), 64, 0.1, SequentialSettings(flip=0.0)) is None


@pytest.mark.parametrize(("share", "before"), [(0.4, 0.5), (0.8, 1.0), (0.08, 0.1)])
def test_errors_stay_below_the_stated_probability_where_they_are_likeliest(share: float, before: float) -> None:
    # on the boundary itself every decision for label 0 is an error, and looking at every batch makes it tempting
    settings = SequentialSettings(error=0.2, flip=0.0)
    draw = random.Random(1)
    wrong = 0
    for _ in range(500):
        after, so_far = Count(0, 0), Count(0, 0)
        for end in batch_ends(256):
            after = Count(after.reached + sum(draw.random() < share for _ in range(end - after.drawn)), end)
            so_far = Count(so_far.reached + sum(draw.random() < before for _ in range(end - so_far.drawn)), end)
            reason = stop_reason(after, so_far, 256, 1e-9, settings)
            if reason is not None:
                wrong += reason == "lost"
                break
    assert wrong / 500 <= 0.2
