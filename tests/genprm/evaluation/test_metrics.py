"""ProcessBench metrics: published numbers, a brute-force count on all real cases, and known intervals."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.evaluation.metrics import (
    Judged,
    f1,
    f1_difference,
    report_json,
    score,
    score_predictions,
    single_paths,
    voted,
)
from genprm.evaluation.predictions import PredictionRow
from genprm.records import BenchmarkCase, Prediction

# Error accuracy, correct accuracy, F1 per subset and mean F1, as printed in table 6 of the paper.
PUBLISHED = {
    "GPT-4o-0806": ((70.0, 91.2, 79.2), (54.4, 76.6, 63.6), (45.8, 58.4, 51.4), (45.2, 65.6, 53.5), 61.9),
    "o1-mini": ((88.9, 97.9, 93.2), (83.5, 95.1, 88.9), (80.2, 95.6, 87.2), (74.8, 91.7, 82.4), 87.9),
    "Llama-3.3-70B-Inst": ((72.5, 96.9, 82.9), (43.3, 94.6, 59.4), (31.0, 94.1, 46.7), (28.2, 90.5, 43.0), 58.0),
    "Qwen2.5-72B-Inst": ((62.8, 96.9, 76.2), (46.3, 93.1, 61.8), (38.7, 92.6, 54.6), (36.6, 90.9, 52.2), 61.2),
    "QwQ-32B-Preview": ((81.6, 95.3, 88.0), (78.1, 79.3, 78.7), (61.4, 54.6, 57.8), (55.7, 68.0, 61.3), 71.5),
    "Math-Shepherd-PRM-7B": ((32.4, 91.7, 47.9), (18.0, 82.0, 29.5), (15.0, 71.1, 24.8), (14.2, 73.0, 23.8), 31.5),
    "Skywork-PRM-7B": ((61.8, 82.9, 70.8), (43.8, 62.2, 53.6), (17.9, 31.9, 22.9), (14.0, 41.9, 21.0), 42.1),
    "RLHFlow-PRM-Deepseek-8B": (
        (24.2, 98.4, 38.8),
        (21.4, 80.0, 33.8),
        (10.1, 51.0, 16.9),
        (10.9, 51.9, 16.9),
        26.6,
    ),
    "Qwen2.5-Math-PRM-7B": ((72.0, 96.4, 82.4), (68.0, 90.4, 77.6), (55.7, 85.5, 67.5), (55.2, 83.0, 66.3), 73.5),
    "Direct Generative PRM-7B": (
        (52.7, 81.4, 63.9),
        (55.9, 80.0, 65.8),
        (44.8, 69.6, 54.5),
        (45.5, 72.6, 55.9),
        60.0,
    ),
    "GenPRM-1.5B Maj@8": ((34.8, 97.4, 51.3), (64.7, 87.7, 74.4), (57.2, 76.1, 65.3), (51.3, 80.1, 62.5), 63.4),
    "GenPRM-7B Pass@1": ((67.7, 94.0, 78.7), (74.6, 87.0, 80.3), (68.3, 76.6, 72.2), (63.5, 77.4, 69.8), 75.2),
    "GenPRM-7B Maj@8": ((69.6, 96.9, 81.0), (80.5, 91.6, 85.7), (74.0, 83.5, 78.4), (70.0, 85.1, 76.8), 80.5),
    "GenPRM-32B Maj@8": ((74.9, 98.5, 85.1), (84.0, 88.7, 86.3), (79.0, 78.8, 78.9), (76.3, 84.2, 80.1), 82.6),
}
# Two printed cells are not the harmonic mean of their own accuracies; these are.
MISPRINTS = {("Skywork-PRM-7B", 1): 51.4, ("RLHFlow-PRM-Deepseek-8B", 3): 18.0}
GROUPS = {"gsm8k": (207, 193), "math": (594, 406), "olympiadbench": (661, 339), "omnimath": (759, 241)}


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_f1_follows_from_published_accuracies(model: str) -> None:
    *subsets, mean = PUBLISHED[model]
    for index, (error_acc, correct_acc, printed) in enumerate(subsets):
        # The accuracies are rounded themselves: what they allow must contain the printed digit.
        expected = MISPRINTS.get((model, index), printed)
        low, high = f1(error_acc - 0.05, correct_acc - 0.05), f1(error_acc + 0.05, correct_acc + 0.05)
        assert low - 0.05 <= expected <= high + 0.05
        assert f1(error_acc, correct_acc) == pytest.approx(expected, abs=0.1)
    assert sum(printed for _, _, printed in subsets) / 4 == pytest.approx(mean, abs=0.1)


@pytest.mark.parametrize("model", [m for m in PUBLISHED if "Maj@8" in m or "PRM-7B" in m])
def test_counts_behind_a_published_row_give_its_printed_numbers(model: str) -> None:
    # Turn accuracies back into counts of right predictions and score them as cases.
    *subsets, _ = PUBLISHED[model]
    rows: list[PredictionRow] = []
    for (name, (n_error, n_correct)), (error_acc, correct_acc, _) in zip(GROUPS.items(), subsets, strict=True):
        hits = round(n_error * error_acc / 100)
        rows += [PredictionRow(f"e{i}", name, 2, 2 if i < hits else 1) for i in range(n_error)]
        hits = round(n_correct * correct_acc / 100)
        rows += [PredictionRow(f"c{i}", name, -1, -1 if i < hits else 0) for i in range(n_correct)]
    result = score_predictions(rows, resamples=100)
    for index, (name, printed) in enumerate(zip(GROUPS, subsets, strict=True)):
        subset = result.subsets[name]
        assert (subset.n_error, subset.n_correct) == GROUPS[name]
        assert subset.error_acc == pytest.approx(printed[0], abs=0.1)
        assert subset.correct_acc == pytest.approx(printed[1], abs=0.25)
        assert subset.f1 == pytest.approx(MISPRINTS.get((model, index), printed[2]), abs=0.15)


def brute_force(rows: Sequence[PredictionRow]) -> dict[str, tuple[float, float, float]]:
    """Counts by hand, case by case."""
    result = {}
    for name in {row.subset for row in rows}:
        hits, sizes = {True: 0, False: 0}, {True: 0, False: 0}
        for row in rows:
            if row.subset == name:
                wrong = row.label != -1
                sizes[wrong] += 1
                hits[wrong] += row.prediction == row.label
        a, b = (100 * hits[wrong] / sizes[wrong] for wrong in (True, False))
        result[name] = (a, b, 2 / (1 / a + 1 / b) if a and b else 0.0)
    return result


def test_metrics_equal_a_brute_force_count_on_all_real_cases(processbench: list[BenchmarkCase]) -> None:
    generator = random.Random(0)
    assert len(processbench) == 3400
    rows = [
        PredictionRow(
            case.id,
            case.subset,
            case.label,
            generator.choice([case.label, generator.randint(-1, len(case.steps) - 1), -1, None]),
        )
        for case in processbench
    ]
    result, expected = score_predictions(rows, resamples=100), brute_force(rows)
    assert set(result.subsets) == set(expected)
    for name, (error_acc, correct_acc, harmonic) in expected.items():
        subset = result.subsets[name]
        assert (subset.n_error, subset.n_correct) == GROUPS[name]
        assert subset.error_acc == pytest.approx(error_acc, rel=1e-12)
        assert subset.correct_acc == pytest.approx(correct_acc, rel=1e-12)
        assert subset.f1 == pytest.approx(harmonic, rel=1e-12)
    assert result.mean_f1 == pytest.approx(sum(h for _, _, h in expected.values()) / 4, rel=1e-12)


def cases_with(error_hits: int, n_error: int, correct_hits: int, n_correct: int, subset: str = "a") -> list[Judged]:
    return [
        *(Judged(f"e{i}", subset, 1, (1 if i < error_hits else -1,)) for i in range(n_error)),
        *(Judged(f"c{i}", subset, -1, (-1 if i < correct_hits else 0,)) for i in range(n_correct)),
    ]


def test_the_interval_is_that_of_two_binomials() -> None:
    # By the delta method: var F1 = (2 c^2 / s^2)^2 var e + (2 e^2 / s^2)^2 var c with s = e + c, in shares.
    e, c, n, m = 0.6, 0.8, 500, 400
    result = score(cases_with(300, n, 320, m), resamples=20_000)
    s = e + c
    deviation = math.sqrt((2 * c**2 / s**2) ** 2 * e * (1 - e) / n + (2 * e**2 / s**2) ** 2 * c * (1 - c) / m)
    low, high = result.subsets["a"].f1_ci95 or (0.0, 0.0)
    assert low == pytest.approx(100 * (2 * e * c / s - 1.96 * deviation), abs=0.2)
    assert high == pytest.approx(100 * (2 * e * c / s + 1.96 * deviation), abs=0.2)


def test_certain_results_have_no_width() -> None:
    result = score(cases_with(10, 10, 10, 10))
    assert result.subsets["a"].f1_ci95 == (100.0, 100.0)
    assert result.mean_f1_ci95 == (100.0, 100.0)


def test_intervals_depend_on_the_seed_alone() -> None:
    cases = cases_with(30, 50, 40, 60)
    assert score(cases, seed=1) == score(cases, seed=1)
    assert score(cases, seed=1).mean_f1_ci95 != score(cases, seed=2).mean_f1_ci95


def test_the_mean_is_unweighted_over_subsets() -> None:
    result = score([*cases_with(10, 10, 10, 10, "small"), *cases_with(50, 100, 50, 100, "large")])
    assert result.mean_f1 == pytest.approx((100 + 50) / 2)
    low, high = result.mean_f1_ci95 or (0, 0)
    assert low < 75 < high
    assert high - low < 12  # half the width of the large subset's own interval


def test_an_empty_group_has_no_accuracy_and_no_f1() -> None:
    result = score([*cases_with(3, 4, 0, 0, "wrong only"), *cases_with(1, 2, 2, 2, "both")])
    lonely = result.subsets["wrong only"]
    assert (lonely.error_acc, lonely.correct_acc, lonely.f1, lonely.f1_ci95) == (75.0, None, None, None)
    assert result.mean_f1 == result.subsets["both"].f1
    assert score(cases_with(3, 4, 0, 0)).mean_f1 is None
    assert score([]).subsets == {}


def test_the_report_has_exactly_the_promised_fields() -> None:
    report = json.loads(
        json.dumps(report_json(score([*cases_with(1, 2, 2, 2, "a"), *cases_with(0, 1, 0, 0, "b")])))
    )
    assert set(report) == {"subsets", "mean_f1"}
    fields = {"n_error", "n_correct", "error_acc", "correct_acc", "f1", "f1_ci95"}
    assert {name: set(subset) for name, subset in report["subsets"].items()} == {"a": fields, "b": fields}
    assert report["subsets"]["a"]["f1"] == pytest.approx(200 / 3)
    assert len(report["subsets"]["a"]["f1_ci95"]) == 2
    assert report["subsets"]["b"] == dict.fromkeys(fields) | {"n_error": 1, "n_correct": 0, "error_acc": 0.0}


def prediction(name: str, label: int, path_rewards: list[list[float]]) -> Prediction:
    return Prediction(name, "a", "g", "p", ["s"] * 3, True, label, -1, [], path_rewards, 0, 0)


def test_pass_at_1_is_the_mean_of_the_metric_over_paths() -> None:
    cases = [
        prediction("x", 1, [[0.9, 0.1], [0.9, 0.9, 0.9]]),  # right, missed
        prediction("y", -1, [[0.9, 0.5, 0.7], [0.9, 0.9, 0.9]]),  # right, right
    ]
    result = score(single_paths(cases)).subsets["a"]
    assert (result.error_acc, result.correct_acc) == (50.0, 100.0)
    assert result.f1 == (100.0 + 0.0) / 2  # not the 66.7 of the mean accuracies
    assert result.f1_spread == pytest.approx(math.sqrt(2) * 50)


def test_one_path_has_no_spread() -> None:
    assert score(cases_with(1, 2, 1, 2)).subsets["a"].f1_spread is None


def test_cases_must_agree_on_the_number_of_paths() -> None:
    with pytest.raises(ValueError, match=r"same number of paths.*\[1, 2\]"):
        score([Judged("x", "a", 1, (1,)), Judged("y", "a", 1, (1, 1))])


def test_a_difference_with_itself_is_nothing() -> None:
    cases = cases_with(5, 10, 5, 10)
    result = f1_difference(cases, cases)
    assert (result.points, result.ci95) == (0.0, (0.0, 0.0))


def test_a_difference_is_paired() -> None:
    # b is a but for 20 more erroneous cases found: much surer than the two intervals by themselves
    a, b = cases_with(200, 400, 300, 400), cases_with(220, 400, 300, 400)
    result = f1_difference(b, a, resamples=5000)
    assert result.points == pytest.approx(f1(55, 75) - f1(50, 75))
    low, high = result.ci95
    assert 0 < low < result.points < high
    a_low, a_high = score(a).mean_f1_ci95 or (0, 0)
    b_low, b_high = score(b).mean_f1_ci95 or (0, 0)
    assert a_high > b_low
    assert high - low < min(a_high - a_low, b_high - b_low)
    mirrored = f1_difference(a, b, resamples=5000)
    assert mirrored.ci95 == pytest.approx((-high, -low))


def test_a_difference_does_not_depend_on_the_order_of_cases() -> None:
    a, b = cases_with(5, 10, 5, 10), cases_with(8, 10, 5, 10)
    assert f1_difference(a, b[::-1]).points == f1_difference(a, b).points


def test_a_vote_is_compared_with_the_mean_of_its_paths() -> None:
    paths = [Judged("x", "a", 1, (1, 0)), Judged("y", "a", -1, (-1, -1))]
    vote = [Judged("x", "a", 1, (1,)), Judged("y", "a", -1, (-1,))]
    assert f1_difference(vote, paths).points == 100 - 50


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (cases_with(1, 3, 1, 2), "not for the same cases"),
        (
            [Judged(c.id, c.subset, -c.label, c.predictions) for c in cases_with(1, 2, 1, 2)],
            "disagree about labels",
        ),
    ],
)
def test_a_difference_needs_the_same_cases(second: list[Judged], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        f1_difference(cases_with(1, 2, 1, 2), second)


ROWS = st.lists(
    st.builds(
        PredictionRow,
        id=st.uuids().map(str),
        subset=st.sampled_from(["a", "b"]),
        label=st.integers(-1, 3),
        prediction=st.none() | st.integers(-1, 3),
    ),
    max_size=30,
)


@given(ROWS)
def test_what_holds_for_all_predictions(rows: list[PredictionRow]) -> None:
    result = score(voted(rows), resamples=100)
    assert sum(s.n_error + s.n_correct for s in result.subsets.values()) == len(rows)
    for subset in result.subsets.values():
        if subset.f1 is not None:
            assert subset.error_acc is not None
            assert subset.correct_acc is not None
            bounds = sorted((subset.error_acc, subset.correct_acc))
            assert bounds[0] - 1e-9 <= subset.f1 <= bounds[1] + 1e-9
