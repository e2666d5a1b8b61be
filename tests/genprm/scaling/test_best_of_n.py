"""Best-of-N: choosing by reward, by vote, and what any choice could get."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.answers.checker import extract_answer
from genprm.domains.mathematics import MathAnswers
from genprm.scaling.best_of_n import (
    AGGREGATES,
    Candidate,
    accuracy_at,
    accuracy_difference,
    answer_groups,
    best,
    curve,
    majority,
    pass_at_1,
    pass_at_n,
    solution_reward,
    weighted_vote,
)

RIGHT, WRONG = 0, 1


def candidate(answer: int | None, *rewards: float, tokens: int = 0) -> Candidate:
    return Candidate(answer, answer == RIGHT, rewards, tokens)


candidates = st.builds(
    lambda answer, rewards: candidate(answer, *rewards),
    st.sampled_from([RIGHT, WRONG, 2, None]),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=3),
)


@pytest.mark.parametrize(("aggregate", "reward"), [("last", 0.8), ("mean", 0.6), ("min", 0.4), ("product", 0.192)])
def test_the_reward_of_a_solution(aggregate: Any, reward: float) -> None:
    assert solution_reward([0.6, 0.4, 0.8], aggregate) == pytest.approx(reward)


def test_a_solution_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        solution_reward([], "min")


@pytest.mark.parametrize("reward", [-0.25, 1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("choose", [best("product"), weighted_vote("last")])
def test_a_reward_that_is_no_probability_is_refused(reward: float, choose: Any) -> None:
    with pytest.raises(ValueError, match="allowed: a number from 0 to 1"):
        choose([candidate(RIGHT, 0.5, 0.5), candidate(WRONG, 0.5, reward)])


def test_the_ways_of_choosing_differ() -> None:
    """Two mediocre wrong solutions, one excellent right one."""
    drawn = [candidate(WRONG, 0.6), candidate(WRONG, 0.5), candidate(RIGHT, 0.9)]
    assert majority(drawn) == 0
    assert weighted_vote("last")(drawn) == 0
    assert best("last")(drawn) == 1
    assert pass_at_1(drawn) == pytest.approx(1 / 3)
    assert pass_at_n(drawn) == 1


@pytest.mark.parametrize("select", [best("min"), weighted_vote("min"), majority])
def test_of_equals_the_one_drawn_first_is_chosen(select: Any) -> None:
    pair = [candidate(RIGHT, 0.5), candidate(WRONG, 0.5)]
    assert select(pair) == 1
    assert select(pair[::-1]) == 0


def test_no_answer_has_no_vote() -> None:
    assert majority([candidate(None, 0.9), candidate(None, 0.9), candidate(RIGHT, 0.1)]) == 1
    assert majority([candidate(None, 0.9)]) == 0


@given(st.lists(candidates, min_size=1, max_size=8), st.sampled_from(sorted(AGGREGATES)))
def test_no_choice_beats_pass_at_n_and_one_candidate_leaves_none(drawn: list[Candidate], aggregate: Any) -> None:
    for select in (best(aggregate), weighted_vote(aggregate), majority, pass_at_1):
        assert select(drawn) <= pass_at_n(drawn)
        assert select(drawn[:1]) == float(drawn[0].correct)


def test_smaller_n_uses_disjoint_chunks_of_the_same_draw() -> None:
    drawn = [candidate(a, r) for a, r in [(RIGHT, 0.2), (WRONG, 0.9), (RIGHT, 0.9), (WRONG, 0.2), (RIGHT, 1.0)]]
    assert accuracy_at([drawn], 2, best("last")) == [0.5]
    assert accuracy_at([drawn], 5, best("last")) == [1.0]
    with pytest.raises(ValueError, match=r"problem 0 has 5 candidates, fewer than N = 8"):
        accuracy_at([drawn], 8, majority)


def test_the_curve_of_a_perfect_judge_is_pass_at_n() -> None:
    """Every sample is right with probability 1/4: of all 4^4 draws, 1 - (3/4)^n hold a right one."""
    draws = list(itertools.product([RIGHT, WRONG, WRONG, WRONG], repeat=4))
    problems = [[candidate(a, float(a == RIGHT), tokens=10) for a in draw] for draw in draws]
    for point in curve(problems, [1, 2, 4], best("last"), resamples=200):
        assert point.accuracy == pytest.approx(100 * (1 - 0.75**point.n))
        assert point.ci95.low <= point.accuracy <= point.ci95.high
        assert point.tokens == 10 * point.n


async def test_answers_that_mean_the_same_share_a_number() -> None:
    with MathAnswers() as checker:
        groups = await answer_groups(["1/2", None, "3", "0.50", r"\frac{1}{2}", "3.0"], checker)
    assert groups == [0, None, 1, 0, 0, 1]


def read_gzip(data_dir: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(gzip.decompress((data_dir / "nait-prm-scores" / name).read_bytes()))
    return rows


def test_the_aggregates_are_those_of_published_scores(data_dir: Path) -> None:
    """500 solutions with the step scores of a published model and its authors' own mean, min and product."""
    rows = read_gzip(data_dir, "qwen25-math-7b-instruct_math500_step-scores.json.gz")
    model = "Qwen2.5-Math-PRM-7B_prm"
    for row in rows:
        for aggregate in ("mean", "min", "product"):
            ours = solution_reward(row[f"{model}_scores"][0], aggregate)  # type: ignore[arg-type]
            # Theirs are computed in single precision.
            assert ours == pytest.approx(row[f"{model}_{aggregate}"][0], rel=1e-6)


@pytest.mark.slow
async def test_votes_over_published_responses_agree_with_their_authors_labels(data_dir: Path) -> None:
    """Four responses to each MATH-500 problem, graded by others: any of them right in 421 of 500."""
    rows = read_gzip(data_dir, "qwen25-7b-instruct_math500_4-responses.json.gz")
    right = voted = agree = graded = 0
    with MathAnswers() as checker:
        for row in rows:
            answers = [extract_answer(text) for text in row["responses"]]
            correct = [await checker.same(row["answer"], answer) for answer in answers]
            groups = await answer_groups(answers, checker)
            theirs = [Candidate(group, label == 1) for group, label in zip(groups, row["labels"], strict=True)]
            right += int(pass_at_n(theirs))
            most = max(groups, key=lambda group: (group is not None, groups.count(group), -groups.index(group)))
            voted += majority(theirs) == float(theirs[groups.index(most)].correct)
            agree += sum(ours == (label == 1) for ours, label in zip(correct, row["labels"], strict=True))
            graded += len(correct)
    assert right == 421
    assert voted == len(rows)
    assert agree / graded > 0.97


def test_the_difference_of_two_ways_is_paired_by_problem() -> None:
    """Every problem gains exactly half a right choice, so the interval has no width."""
    judged = [[candidate(RIGHT, 0.9), candidate(WRONG, 0.1)] for _ in range(6)]
    found = accuracy_difference(judged, judged, 2, (best("last"), pass_at_1), resamples=100)
    assert (found.points, *found.ci95) == (50.0, 50.0, 50.0)
