"""From problems to a run, worked out by hand; and the interval against the spread of many pilots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ESTIMATORS, ProblemCost, Spent
from genprm.planning.totals import Planned, plan, slowness
from genprm.settings import Profile

ASSUMED = Assumptions(generated_per_second=1000, read_per_second=10_000, further_steps=4, agree=0.5)


def cost(tokens: int = 100) -> ProblemCost:
    """Four solutions of six steps, five of which are judged; two are kept, one of them wrong."""
    rollouts = {"fixed": Spent(64, 640, 6400, 64), "sequential": Spent(16, 160, 1600, 64)}
    judged = Spent(20, 7000, 9000, 1600)
    return ProblemCost(Spent(8, tokens, 80, 10), 4, 24, rollouts, judged, executions=22, agreed=(1.0, 1.0))


def profile(**sections: object) -> Profile:
    values = {"problems": {"limit": 1000}, "training": {"base": {"small": "b-7b"}, "modes": ["full", "direct"]}}
    return Profile.model_validate({"name": "p", **values, **sections})


def planned(chosen: Profile, costs: list[ProblemCost]) -> dict[str, Planned]:
    return {row.artifact: row for row in plan(chosen, costs, ASSUMED)}


def test_a_run_costs_what_its_problems_do() -> None:
    rows = planned(profile(), [cost(), cost()])
    solutions = rows["solutions"]
    assert (solutions.requests, solutions.tokens, solutions.prefix_tokens) == (8000, 100_000, 10_000)
    assert solutions.low == solutions.high == 100_000
    assert solutions.gpu_hours == pytest.approx((100 + 1) / 3600)
    assert rows["mc_scores, fixed"].tokens == 640_000
    assert rows["mc_scores, sequential (not chosen)"].tokens == 160_000
    # by a model of 32B
    rationales = rows["rationales"]
    assert (rationales.requests, rationales.executions, rationales.tokens) == (20_000, 22_000, 7_000_000)
    assert rationales.gpu_hours == pytest.approx((7_000_000 / 1000 + 1_600_000 / 10_000) * 32 / 7 / 3600)


def test_training_sees_the_kept_solutions_in_every_mode() -> None:
    row = planned(profile(), [cost(), cost()])["checkpoints"]
    full, direct = 100 + 5 * (60 + 345), 100 + 5 * (60 + 1)
    assert row.requests == 2 * 2000
    assert row.prompt_tokens == 2000 * (full + direct)
    assert row.disk_mb == 2 * 14_000


def test_ablations_are_trained_on_the_first_variant_alone() -> None:
    """Full and direct on main, full on hard, full on half of main, and a head."""
    ablations = {"variants": ["main", "hard"], "shares": [0.5], "discriminative": True}
    training = {"base": {"small": "b-7b"}, "modes": ["full", "direct"], **ablations}
    labels = {"variants": {"hard": {"estimator": "hard"}}}
    row = planned(profile(training=training, labels=labels), [cost(), cost()])["checkpoints"]
    assert row.requests == 2000 * (1 + 1 + 1 + 0.5 + 1)
    assert row.disk_mb == 5 * 14_000


def test_a_balanced_training_set_has_as_many_of_both_kinds() -> None:
    few_wrong = replace(cost(), agreed=(0.25, 1.0))
    row = planned(profile(consensus={"balance": True, "share": 0.5}), [few_wrong, few_wrong])["checkpoints"]
    assert row.requests == 2 * 0.5 * 2 * 250


def test_evaluation_judges_every_model_on_every_case() -> None:
    chosen = profile(evaluation={"limit": 10, "votes": 8, "other_votes": 2})
    row = planned(chosen, [cost(), cost()])["processbench"]
    # full with 8 paths; untrained and rationale model with 2, direct with 1; 4 subsets of 10 cases of 7.8 steps, of
    # which 67 % are judged
    steps = 40 * 7.8 * 0.67
    assert row.requests == pytest.approx(steps * (8 + 2 + 2 + 1), rel=0.01)
    assert row.executions == pytest.approx(steps * (8 + 2 + 2))
    assert row.tokens == pytest.approx(steps * (345 * (8 + 2 + 2) + 1), rel=0.01)


def test_the_full_model_in_other_modes_is_an_artifact_of_its_own() -> None:
    assert "judged_otherwise" not in planned(profile(), [cost(), cost()])
    evaluation = {"limit": 10, "votes": 8, "other_votes": 2, "other_modes": ["cot", "direct"]}
    rows = planned(profile(evaluation=evaluation), [cost(), cost()])
    alone = planned(profile(evaluation={**evaluation, "other_modes": []}), [cost(), cost()])
    assert rows["processbench"] == alone["processbench"]
    steps = 40 * 7.8 * 0.67
    assert rows["judged_otherwise"].tokens == pytest.approx(steps * (345 * 0.6 * 2 + 1), rel=0.01)


def test_candidates_are_drawn_once_and_judged_by_every_model_to_their_end() -> None:
    assert "candidates" not in planned(profile(), [cost(), cost()])
    rows = planned(profile(scaling={"sets": ["math500"], "candidates": 4, "votes": 2}), [cost(), cost()])
    drawn, judged = rows["candidates"], rows["best_of_n"]
    assert (drawn.requests, drawn.tokens, drawn.prefix_tokens) == (500 * 4, 500 * 4 * 6 * 60, 500 * 100)
    # full, untrained and rationale model on 2 paths, direct on 1
    assert judged.requests == 500 * 4 * 6 * (2 + 2 + 2 + 1)
    assert judged.executions == 500 * 4 * 6 * (2 + 2 + 2)


def test_the_interval_holds_the_run_for_nineteen_pilots_in_twenty() -> None:
    draw = np.random.default_rng(1)
    chosen = profile(problems={"limit": 300})
    held = 0
    for _ in range(200):
        tokens = draw.gamma(2.0, 50.0, size=330)
        row = planned(chosen, [cost(round(one)) for one in tokens[:30]])["solutions"]
        held += row.low <= tokens[30:].sum() <= row.high
    assert 0.88 <= held / 200 <= 0.99


def test_the_chosen_estimator_is_the_one_without_a_remark() -> None:
    rows = planned(profile(monte_carlo={"estimator": "sequential"}), [cost(), cost()])
    assert {"mc_scores, sequential", "mc_scores, fixed (not chosen)"} <= set(rows)
    assert len(ESTIMATORS) == 2


@pytest.mark.parametrize(
    ("name", "factor"),
    [("Qwen/QwQ-32B", 32 / 7), ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", 1.5 / 7), ("miniature/policy", 1.0)],
)
def test_time_is_in_proportion_to_the_size_that_a_name_states(name: str, factor: float) -> None:
    assert slowness(name) == pytest.approx(factor)
