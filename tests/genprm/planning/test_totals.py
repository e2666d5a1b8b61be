"""From problems to a run, worked out by hand; and the interval against the spread of many pilots."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import ESTIMATORS, Kept, ProblemCost, Spent
from genprm.planning.planned import Planned, slowness
from genprm.planning.totals import plan
from genprm.settings import Profile

ASSUMED = Assumptions(generated_per_second=1000, read_per_second=10_000, further_steps=4, agree=0.5)


def cost(tokens: int = 100) -> ProblemCost:
    """Four solutions of six steps; two are kept, one judged to its fourth step, which is wrong, one to its end."""
    rollouts = {"fixed": Spent(64, 640, 6400, 64), "sequential": Spent(16, 160, 1600, 64)}
    judged = Spent(20, 7000, 9000, 1600)
    agreed = (Kept(1, 4), Kept(1, 6))
    return ProblemCost(Spent(8, tokens, 80, 10), 4, 24, rollouts, judged, executions=22, agreed=agreed)


def profile(**sections: object) -> Profile:
    values = {"problems": {"limit": 1000}, "training": {"base": {"small": "b-7b"}, "modes": ["full", "direct"]}}
    return Profile.model_validate({"name": "p", **values, **sections})


def replaced(**values: float) -> Assumptions:
    return ASSUMED.model_copy(update=values)


def planned(chosen: Profile, costs: list[ProblemCost]) -> dict[str, Planned]:
    return {row.caption: row for row in plan(chosen, costs, ASSUMED)}


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
    """Full and direct on main, full on hard, full on half of main, a head, and a ThinkPRM."""
    ablations = {"variants": ["main", "hard"], "shares": [0.5], "discriminative": True, "think": True}
    training = {"base": {"small": "b-7b"}, "modes": ["full", "direct"], **ablations}
    labels = {"variants": {"hard": {"estimator": "hard"}}}
    row = planned(profile(training=training, labels=labels), [cost(), cost()])["checkpoints"]
    assert row.requests == 2000 * (1 + 1 + 1 + 0.5 + 1 + 1)
    assert row.disk_mb == 6 * 14_000


def test_a_balanced_training_set_has_as_many_of_both_kinds() -> None:
    few_wrong = replace(cost(), agreed=(Kept(0.25, 1), Kept(1, 6)))
    row = planned(profile(consensus={"balance": True, "share": 0.5}), [few_wrong, few_wrong])["checkpoints"]
    assert row.requests == 2 * 0.5 * 2 * 250
    # half of 250 of each kind: of four steps and of six
    steps = 125 * 4 + 125 * 6
    assert row.prompt_tokens == 2 * 250 * 100 + steps * (60 + 345) + steps * (60 + 1)


def test_training_is_as_sure_as_few_problems_make_it() -> None:
    """One problem in two keeps a solution of each kind. The interval against the binomial: a mean over problems
    that leaves 1 / 20 + 1 / 1000 of the variance of one."""
    nothing = replace(cost(), agreed=(Kept(0, 0), Kept(0, 0)))
    row = planned(profile(), [cost(), nothing] * 10)["checkpoints"]
    half = 1.96 * 0.5 * math.sqrt(1 / 20 + 1 / 1000) / 0.5
    assert row.low / row.prompt_tokens == pytest.approx(1 - half, abs=0.06)
    assert row.high / row.prompt_tokens == pytest.approx(1 + half, abs=0.06)
    sure = planned(profile(), [cost(), cost()])["checkpoints"]
    assert sure.low == sure.high == sure.prompt_tokens


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
    # unrun code alone is asked of the full model and of one that was trained to write code alone
    modes, unrun = {"modes": ["full", "code"]}, {**evaluation, "other_modes": ["code_unrun"]}
    row = planned(profile(training=modes, evaluation=unrun), [cost(), cost()])["judged_otherwise"]
    assert row.tokens == pytest.approx(steps * 345 * 0.4 * 2 * 2, rel=0.01)
    assert row.executions == 0


def test_candidates_are_drawn_once_and_judged_by_every_model_to_their_end() -> None:
    assert "candidates" not in planned(profile(), [cost(), cost()])
    rows = planned(profile(scaling={"sets": ["math500"], "candidates": 4, "votes": 2}), [cost(), cost()])
    drawn, judged = rows["candidates"], rows["best_of_n"]
    assert (drawn.requests, drawn.tokens, drawn.prefix_tokens) == (500 * 4, 500 * 4 * 6 * 60, 500 * 100)
    # full, untrained and rationale model on 2 paths, direct on 1
    assert judged.requests == 500 * 4 * 6 * (2 + 2 + 2 + 1)
    assert judged.executions == 500 * 4 * 6 * (2 + 2 + 2)


def test_models_of_other_labels_and_of_parts_of_the_data_choose_among_nothing() -> None:
    labels = {"variants": {"hard": {"estimator": "hard"}}}
    scaling = {"sets": ["math500"], "candidates": 4}
    base = {"base": {"small": "b-7b"}, "modes": ["full", "direct"], "discriminative": True}
    chosen = profile(training=base, labels=labels, scaling=scaling)
    more = profile(training={**base, "variants": ["main", "hard"], "shares": [0.5]}, labels=labels, scaling=scaling)
    few, many = planned(chosen, [cost(), cost()]), planned(more, [cost(), cost()])
    # full, direct, the head, the untrained base and the rationale model
    assert few["best_of_n"].requests == 500 * 4 * 6 * 5
    assert many["best_of_n"] == few["best_of_n"]
    assert many["processbench"].requests > few["processbench"].requests


def test_critics_are_asked_again_about_what_is_written_again() -> None:
    assert "refinement" not in planned(profile(scaling={"sets": ["math500"]}), [cost(), cost()])
    scaling = {"sets": ["math500"], "limit": 100, "model": "policy-7b"}
    settings = {"sets": ["math500"], "solutions": 2, "turns": 2}
    assumed = replaced(found_wrong=0.5, found_again=0.25, invalid=0.0, critique_tokens=200)
    row = plan(profile(scaling=scaling, refinement=settings), [cost()], assumed)[-1]
    # 200 solutions of six steps; 100 are rewritten and judged again, of these 25 are rewritten again
    critiques, rewrites = 300, 125
    steps = 200 * 6 * 0.75 + 100 * 6 * 0.875
    assert row.requests == 3 * (critiques + rewrites)
    assert row.tokens == critiques * 200 + 2 * steps * 345 + 3 * rewrites * 360
    assert row.executions == 2 * steps
    # the policy reads whole solutions, and for each rewrite the wrong step again and what is said about it
    own, rewritten = critiques * (100 + 360), rewrites * (100 + 360 + 60)
    judged = critiques * 100 + steps * 60
    assert row.prefix_tokens == own + 2 * judged + 3 * rewritten + rewrites * 200 + 2 * rewrites * 207

    kept = profile(scaling=scaling, refinement={**settings, "keep_steps": True})
    shorter = plan(kept, [cost()], assumed)[-1]
    assert row.artifact == shorter.artifact == "refinement"
    assert row.tokens - shorter.tokens == 3 * rewrites * 180


def test_a_search_spends_its_largest_budget_on_steps_and_their_judgement() -> None:
    scaling = {"sets": ["math500"], "limit": 100, "model": "policy-7b"}
    settings = {"sets": ["math500"], "methods": ["majority", "beam"], "budgets": [1, 8], "votes": 2}
    row = plan(profile(scaling=scaling, search=settings), [cost()], ASSUMED)[-1]
    # Six steps of 60 tokens are a solution. A judge reads a step and a sixth of the problem, and writes 345 tokens.
    budget = 100 * 8 * 360
    plain, guided = budget / 60, budget / (60 + 2 * (60 + 100 / 6 + 345))
    assert row.artifact == "search"
    assert row.requests == round(plain + guided)
    assert row.tokens == pytest.approx((plain + guided) * 60 + 2 * guided * 345, rel=1e-3)
    assert row.executions == pytest.approx(2 * guided)
    read_by_the_policy = 2 * 100 * 100
    assert row.tokens + row.prefix_tokens - read_by_the_policy == pytest.approx(2 * budget, rel=1e-3)
    assert "search" not in planned(profile(scaling=scaling), [cost(), cost()])


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
