"""Recorded rollouts spent again: nothing is drawn, all of them give the recorded labels, fewer are part of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from genprm.monte_carlo import rollouts_for
from genprm.monte_carlo.estimation import StepEstimation
from genprm.monte_carlo.replayed import Rule, replay, replayed
from genprm.monte_carlo.simulated import KnownSolution, Rollouts, StepProcess
from genprm.records import StepScores
from genprm.settings import MonteCarloSettings, RolloutTier, SequentialSettings

SETTINGS = MonteCarloSettings(tiers=(RolloutTier(below=0.5, rollouts=32),), rollouts_otherwise=16)


def share_of_k(share: float, most: int) -> MonteCarloSettings:
    return Rule("fixed", share=share).settings(most, SequentialSettings())


HALF = share_of_k(0.5, 32)


def row(outcomes: list[str], correct: bool = True, pass_at_1: float = 0.25) -> StepScores:
    """A recorded solution whose last step, without rollouts, is `correct`."""
    shares = [one.count("1") / len(one) if one else 0.0 for one in outcomes]
    return StepScores(
        "s", "p", pass_at_1, [*shares, float(correct)], [*map(len, outcomes), 0], 0, outcomes=[*outcomes, ""]
    )


def recorded(solution: KnownSolution, rng: np.random.Generator, name: str) -> StepScores:
    """What estimation with fixed K records of a solution whose shares are known."""
    rollouts = Rollouts(solution, rollouts_for(solution.pass_at_1, SETTINGS), rng)
    estimation = StepEstimation(len(solution.shares), solution.correct, solution.pass_at_1, SETTINGS)
    outcomes = [""] * len(solution.shares)
    while draws := estimation.next_draws():
        for draw in draws:
            single = (rollouts.reached(draw.done - 1, n, 1) for n in range(draw.first, draw.first + draw.count))
            outcomes[draw.done - 1] += "".join(map(str, single))
        reached = [outcomes[d.done - 1][d.first : d.first + d.count].count("1") for d in draws]
        estimation.record(reached)
    made = StepScores(name, "p", solution.pass_at_1, estimation.mc, estimation.rollouts, 0)
    return dataclasses.replace(made, outcomes=outcomes)


def test_a_smaller_k_sees_the_first_rollouts_of_each_step() -> None:
    half = replayed(
        row(["1" * 8 + "0" * 24, "01" * 16]),
        ["1" * 8 + "0" * 24, "01" * 16, ""],
        HALF,
    )
    assert half.mc == [0.5, 0.5, 1.0]
    assert half.rollouts == [16, 16, 0]


def test_a_step_that_is_dead_in_the_smaller_sample_ends_the_solution() -> None:
    late = ["0" * 31 + "1", "1" * 32]
    assert replayed(row(late), [*late, ""], HALF).mc == [
        0.0,
        0.0,
        0.0,
    ]
    assert replayed(row(late), [*late, ""], SETTINGS).mc == [1 / 32, 1.0, 1.0]


def test_more_than_was_recorded_cannot_be_replayed() -> None:
    with pytest.raises(ValueError, match=r"solution 's', step 0: 8 rollouts are asked for, 4 were recorded"):
        replayed(row(["1010"]), ["1010", ""], SETTINGS)


def test_a_part_of_k_is_one_rollout_at_least() -> None:
    assert [share_of_k(share, 16).rollouts_otherwise for share in (0.01, 1 / 8, 1 / 2, 1)] == [1, 2, 8, 16]


def test_all_rollouts_label_as_recorded_and_a_few_do_not() -> None:
    rng = np.random.default_rng(5)
    rows = [recorded(one, rng, f"s{n}") for n, one in enumerate(StepProcess(strength=0.5).draw(rng, 40))]
    found = {one.rule: one for one in replay(rows, SequentialSettings())}
    whole = found[Rule("fixed")]
    assert (whole.rollouts, whole.unlike, whole.low, whole.high) == (100, 0, 0, 0)
    parts = [found[Rule("fixed", share=share)] for share in (1 / 8, 1 / 4, 1 / 2)]
    assert [one.rollouts for one in parts] == sorted(one.rollouts for one in parts)
    assert parts[0].unlike > parts[1].unlike > parts[2].unlike > 0
    assert all(one.low <= one.unlike <= one.high for one in found.values())
    settled = next(one for rule, one in found.items() if (rule.kind, rule.flip) == ("settled", 0.05))
    decided = {rule.error: one for rule, one in found.items() if rule.kind == "decided"}
    assert settled.rollouts < 100
    assert settled.unlike < parts[0].unlike
    assert decided[0.05].unlike == 0, "32 rollouts or fewer seldom decide, and never otherwise than all"
    assert decided[0.01].rollouts >= decided[0.2].rollouts


def test_nothing_recorded_is_refused() -> None:
    with pytest.raises(ValueError, match="no step scores to replay"):
        replay([], SequentialSettings())
