"""Labels from Monte-Carlo scores: worked examples, all settings of paper table 3, and what must always hold."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.data_sets.rows import InputError, json_rows
from genprm.labels.progress import label_json, label_rows, label_steps, zero_from_first_zero
from genprm.records import StepLabels, StepScores
from genprm.settings import LabelVariant

TABLE_3 = [
    LabelVariant(estimator="hard", epsilon=0.0),
    *(LabelVariant(estimator="difference", epsilon=e) for e in (-0.1, -0.3, -0.5)),
    *(LabelVariant(estimator="ratio", epsilon=e) for e in (0.1, 0.5, 0.8, 1.0)),
]


def labelled(pass_at_1: float, mc: list[float], estimator: str = "ratio", epsilon: float = 0.8) -> StepLabels:
    scores = StepScores("s", "p", pass_at_1, mc, [0] * len(mc), 0)
    return label_steps(scores, LabelVariant(estimator=estimator, epsilon=epsilon))


def test_ratio_compares_with_the_step_before_and_the_first_with_pass_at_1() -> None:
    result = labelled(0.5, [0.5, 0.25, 0.25, 1.0])
    assert result.progress == [1.0, 0.5, 1.0, 4.0]
    assert result.labels == [1, 0, 1, 1]  # not monotone: a step may recover
    assert result.first_error == 1


def test_zero_over_zero_is_a_wrong_step() -> None:
    result = labelled(0.5, [0.5, 0.0, 0.0, 0.0])
    assert result.progress == [1.0, 0.0, 0.0, 0.0]
    assert result.labels == [1, 0, 0, 0]


@pytest.mark.parametrize("variant", TABLE_3, ids=lambda v: f"{v.estimator}{v.epsilon}")
def test_from_the_first_zero_on_every_step_is_wrong_under_every_estimator(variant: LabelVariant) -> None:
    # 0.05 -> 0 is a difference of only -0.05, and the later 0.9 must not count any more
    result = label_steps(StepScores("s", "p", 0.05, [0.05, 0.0, 0.9], [0] * 3, 0), variant)
    assert result.labels == [1, 0, 0]
    assert result.first_error == 1


@pytest.mark.parametrize(
    ("variant", "labels"),
    [
        (TABLE_3[0], [1, 1, 1, 1, 1]),
        (TABLE_3[1], [1, 0, 0, 0, 1]),
        (TABLE_3[2], [1, 1, 0, 1, 1]),
        (TABLE_3[3], [1, 1, 1, 1, 1]),
        (TABLE_3[4], [1, 1, 1, 0, 1]),
        (TABLE_3[5], [1, 1, 0, 0, 1]),
        (TABLE_3[6], [1, 0, 0, 0, 1]),
        (TABLE_3[7], [1, 0, 0, 0, 1]),
    ],
    ids=lambda value: f"{value.estimator}{value.epsilon}" if isinstance(value, LabelVariant) else "",
)
def test_the_eight_settings_of_table_3(variant: LabelVariant, labels: list[int]) -> None:
    # ratios 1, 3/4, 1/3, 1/16, 4; differences 0, -1/4, -1/2, -15/64, +3/64
    scores = StepScores("s", "p", 1.0, [1.0, 0.75, 0.25, 1 / 64, 4 / 64], [64] * 5, 0)
    assert label_steps(scores, variant).labels == labels


@pytest.mark.parametrize(
    ("pass_at_1", "mc", "estimator", "epsilon", "label"),
    [
        (0.3, 0.24, "ratio", 0.8, 1),  # 0.24 / 0.3 is below 0.8 in binary
        (0.8, 0.7, "difference", -0.1, 1),  # and 0.7 - 0.8 below -0.1
        (0.8, 0.69, "difference", -0.1, 0),
        (1.0, 0.8, "ratio", 0.8, 1),
        (1.0, 0.7999, "ratio", 0.8, 0),
        (0.5, 0.5, "ratio", 1.0, 1),
        (1.0, 1 / 128, "hard", 0.8, 1),
    ],
)
def test_the_threshold_itself_counts(
    pass_at_1: float, mc: float, estimator: str, epsilon: float, label: int
) -> None:
    assert labelled(pass_at_1, [mc], estimator, epsilon).labels == [label]


def test_progress_from_a_problem_that_was_never_solved_is_one() -> None:
    result = labelled(0.0, [0.25, 0.25])
    assert result.progress == [1.0, 1.0]
    assert result.labels == [1, 1]


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="'s' has no step scores"):
        labelled(0.5, [])


COUNTS = st.lists(st.integers(0, 64), min_size=1, max_size=12)
VARIANTS = st.sampled_from(TABLE_3)


def exact_labels(solved: int, counts: list[int], variant: LabelVariant) -> list[int]:
    """The definition of paper 4.2, step by step in exact fractions."""
    epsilon = Fraction(str(variant.epsilon))
    labels, before, alive = [], Fraction(solved, 64), True
    for count in counts:
        after = Fraction(count, 64)
        alive = alive and after > 0
        if not alive:
            labels.append(0)
        elif variant.estimator == "hard":
            labels.append(1)
        elif variant.estimator == "difference":
            labels.append(int(after - before >= epsilon))
        else:
            labels.append(int(after / before >= epsilon))
        before = after
    return labels


@given(st.integers(1, 64), COUNTS, VARIANTS)
def test_labels_follow_the_definition(solved: int, counts: list[int], variant: LabelVariant) -> None:
    scores = StepScores("s", "p", solved / 64, [count / 64 for count in counts], [64] * len(counts), 0)
    assert label_steps(scores, variant).labels == exact_labels(solved, counts, variant)


@given(st.integers(0, 64), COUNTS, VARIANTS)
def test_what_holds_for_all_labels(solved: int, counts: list[int], variant: LabelVariant) -> None:
    result = label_steps(StepScores("s", "p", solved / 64, [c / 64 for c in counts], [], 0), variant)
    assert len(result.labels) == len(result.progress) == len(counts)
    assert set(result.labels) <= {0, 1}
    assert (result.first_error == -1) == all(result.labels)
    if result.first_error >= 0:
        assert result.labels[: result.first_error + 1] == [1] * result.first_error + [0]
    if 0 in counts:
        assert not any(result.labels[counts.index(0) :])


@given(COUNTS)
def test_a_higher_epsilon_never_makes_a_step_right(counts: list[int]) -> None:
    scores = StepScores("s", "p", 0.5, [count / 64 for count in counts], [], 0)
    for estimator in ("difference", "ratio"):
        series = [
            label_steps(scores, v).labels
            for v in sorted(TABLE_3, key=lambda v: v.epsilon)
            if v.estimator == estimator
        ]
        for lower, higher in itertools.pairwise(series):
            assert all(a >= b for a, b in zip(lower, higher, strict=True))


@given(st.lists(st.floats(0, 1), max_size=8))
def test_zero_propagation_keeps_what_comes_before(mc: list[float]) -> None:
    result = zero_from_first_zero(mc)
    end = mc.index(0) if 0 in mc else len(mc)
    assert result == mc[:end] + [0.0] * (len(mc) - end)


def test_lines_of_the_command_line() -> None:
    line = json.dumps({"id": "a", "pass_at_1": 0.5, "mc": [0.5, 0.1], "more": "ignored"})
    (result,) = label_rows(json_rows([line, ""], "input"), LabelVariant())
    assert label_json(result) == {"id": "a", "progress": [1.0, 0.2], "labels": [1, 0]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "input line 1: not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"pass_at_1": 0.5, "mc": [1]}', "field 'id' is missing"),
        ('{"id": "a", "mc": [1]}', "field 'pass_at_1' is missing, allowed: a number from 0 to 1"),
        ('{"id": "a", "pass_at_1": 1.5, "mc": [1]}', "field 'pass_at_1' is 1.5, allowed: a number from 0 to 1"),
        ('{"id": "a", "pass_at_1": true, "mc": [1]}', "field 'pass_at_1' is True, allowed: a number from 0 to 1"),
        ('{"id": "a", "pass_at_1": 0.5, "mc": []}', "field 'mc' is [], allowed: a non-empty list"),
        ('{"id": "a", "pass_at_1": 0.5, "mc": 1}', "field 'mc' is 1, allowed: a non-empty list"),
        ('{"id": "a", "pass_at_1": 0.5, "mc": [1, "x"]}', "field 'mc[1]' is 'x', allowed: a number from 0 to 1"),
        ('{"id": "a", "pass_at_1": 0.5, "mc": [NaN]}', "field 'mc[0]' is nan, allowed: a number from 0 to 1"),
        ('{"id": null, "pass_at_1": 0.5, "mc": [1]}', "field 'id' is None"),
    ],
)
def test_a_wrong_line_is_refused_in_one_line(line: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        label_rows(json_rows([line], "input"), LabelVariant())
    assert message in str(error.value)
    assert "\n" not in str(error.value)
