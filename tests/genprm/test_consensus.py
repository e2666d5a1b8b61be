"""Consensus filtering as a table of cases, and the training set that comes of it."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from genprm.consensus import REASONS, count_reasons, decide, share_of, training_examples
from genprm.modes import Mode
from genprm.records import (
    FilterDecision,
    Message,
    Provenance,
    Rationale,
    StepLabels,
    StepVerification,
    TrainingExample,
    Verification,
)
from genprm.settings import FilterSettings, TurnFormat
from genprm.verification.conversation import turn_for_mode
from tests.genprm.composed_turn import CodeRound, compose_turn

FORM = TurnFormat(system="Judge.", direct_system="Yes or No.")


def labels(values: list[int], solution_id: str = "s") -> StepLabels:
    first = values.index(0) if 0 in values else -1
    return StepLabels(solution_id, "ratio", 0.8, [float(value) for value in values], values, first)


def turn(number: int, verdict: str) -> str:
    return compose_turn(
        FORM, number, f"Look at {number}.", [CodeRound("print(1)", "1")], "Yes" if verdict == "Y" else "No"
    )


def judged(verdicts: str, steps: int = 4, forced_at: int = -1, solution_id: str = "s") -> Rationale:
    """A rationale with one letter a judged step: Y, N, or - for none (which reads as fine, 0.5)."""
    words = {"Y": ("Yes", 0.9), "N": ("No", 0.1), "-": ("none", 0.5)}
    judgements = [
        StepVerification(
            text=turn(index + 1, letter),
            analysis="",
            code="",
            output="",
            reward=words[letter][1],
            verdict=words[letter][0],
            forced=index == forced_at,
            executions=[],
            tokens=1,
        )
        for index, letter in enumerate(verdicts)
    ]
    return Rationale(
        solution_id=solution_id,
        problem="P?",
        steps=[f"Step {number}: s" for number in range(1, steps + 1)],
        judged_first_error=verdicts.find("N"),
        verification=Verification(
            solution_id, 0, "full", judgements, 1, len(judgements), Provenance("scripted", "1", "raw"), []
        ),
    )


@pytest.mark.parametrize(
    ("values", "verdicts", "reason"),
    [
        ([1, 1, 1, 1], "YYYY", "agree"),
        ([1, 0, 0, 0], "YN", "agree"),
        ([0, 0, 0, 0], "N", "agree"),
        ([1, 1, 1, 0], "YYYN", "agree"),
        # Labels are not monotone: what comes after the first error is not compared.
        ([1, 0, 1, 1], "YN", "agree"),
        ([1, 0, 1, 1], "YNYN", "agree"),
        ([1, 0, 1, 1], "YYYY", "label_error_judge_fine"),
        ([1, 1, 1, 1], "YYYN", "judge_error_label_fine"),
        ([1, 0, 0, 0], "N", "different_step"),
        ([1, 0, 0, 0], "YYN", "different_step"),
        ([1, 0, 1, 0], "YYYN", "different_step"),
        ([1, 1, 1, 1], "Y-YY", "no_verdict"),
        ([1, 1, 0, 0], "Y-N", "no_verdict"),
        ([1, 0, 0, 0], "Y-YY", "no_verdict"),
    ],
)
def test_labels_and_judgements_agree_up_to_the_first_error_or_the_solution_goes(
    values: list[int], verdicts: str, reason: str
) -> None:
    decision = decide(labels(values), judged(verdicts))
    assert (decision.reason, decision.kept) == (reason, reason == "agree")
    assert decision.label_first_error == (values.index(0) if 0 in values else -1)
    assert decision.judged_first_error == verdicts.find("N")


@pytest.mark.parametrize(
    ("verdicts", "forced_at", "kept"),
    [("YN", 0, False), ("YN", 1, False), ("YNYY", 2, True), ("YN", -1, True)],
)
def test_a_forced_verdict_counts_up_to_the_first_error(verdicts: str, forced_at: int, kept: bool) -> None:
    decision = decide(labels([1, 0, 0, 0]), judged(verdicts, forced_at=forced_at))
    assert decision.kept == kept
    assert decision.reason == ("agree" if kept else "forced_verdict")


@pytest.mark.parametrize(
    ("step_labels", "rationale", "message"),
    [
        (labels([1], "a"), judged("Y", 1, solution_id="b"), "labels of solution 'a' against the rationale of 'b'"),
        (labels([1, 1]), judged("YYYY"), "2 labels for 4 steps"),
        (labels([1, 1, 1, 1]), judged("YY"), "2 judgements, 4 needed"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    step_labels: StepLabels, rationale: Rationale, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        decide(step_labels, rationale)


def test_every_reason_is_counted() -> None:
    decisions = [decide(labels([1, 0, 1, 1]), judged(v)) for v in ("YN", "YN", "N", "YYYY")]
    assert count_reasons(decisions) == {
        "agree": 2,
        "label_error_judge_fine": 1,
        "judge_error_label_fine": 0,
        "different_step": 1,
        "forced_verdict": 0,
        "no_verdict": 0,
    }
    assert set(count_reasons([])) == set(REASONS)


def kept(rationale: Rationale, keep: bool = True) -> FilterDecision:
    reason = "agree" if keep else "different_step"
    return FilterDecision(rationale.solution_id, keep, reason, 0, rationale.judged_first_error)


def examples(rationales: list[Rationale], mode: Mode = "full", **settings: float) -> list[TrainingExample]:
    decisions = [kept(rationale) for rationale in rationales]
    return training_examples(rationales, decisions, FilterSettings.model_validate(settings), FORM, Mode(mode))


@pytest.mark.parametrize("mode", get_args(Mode))
def test_a_kept_rationale_becomes_a_conversation_up_to_its_first_error(mode: Mode) -> None:
    (example,) = examples([judged("YNYY")], mode)
    assert example == TrainingExample(
        "s",
        [
            Message("system", "Yes or No." if mode == "direct" else "Judge."),
            Message("user", "Question: P?\n\nStep 1: s"),
            Message("assistant", turn_for_mode(turn(1, "Y"), Mode(mode))),
            Message("user", "Step 2: s"),
            Message("assistant", turn_for_mode(turn(2, "N"), Mode(mode))),
        ],
    )


def test_what_was_dropped_is_not_trained_on() -> None:
    rationales = [judged("YN", solution_id=name) for name in "abc"]
    decisions = [kept(rationale, rationale.solution_id != "b") for rationale in rationales]
    found = training_examples(rationales, decisions, FilterSettings(), FORM, Mode.FULL)
    assert [example.id for example in found] == ["a", "c"]


MANY = [judged("YYYY" if i % 4 else "YN", solution_id=f"s{i:03}") for i in range(200)]
"""150 without an error, 50 with one."""


def ids(**settings: float) -> list[str]:
    return [example.id for example in examples(MANY, "direct", **settings)]


def test_shares_are_nested_and_sized() -> None:
    quarter, half, whole = ids(share=0.25), ids(share=0.5), ids()
    assert [len(quarter), len(half), len(whole)] == [50, 100, 200]
    assert set(quarter) < set(half) < set(whole)
    assert len(ids(share=0.0001)) == 1


def test_balance_keeps_as_many_of_either_kind() -> None:
    chosen = set(ids(balance=True))
    assert len(chosen) == 100
    assert {r.solution_id for r in MANY if r.judged_first_error >= 0} < chosen


def test_a_share_of_a_balanced_set_stays_near_balance_and_nested() -> None:
    """50 of 50 + 50 drawn without regard to kind: 25 +- 3.5 wrong ones."""
    half = set(ids(balance=True, share=0.5))
    wrong = {r.solution_id for r in MANY if r.judged_first_error >= 0}
    assert half < set(ids(balance=True))
    assert 14 <= len(half & wrong) <= 36


def test_the_choice_does_not_depend_on_the_order_of_rows() -> None:
    backwards = {example.id for example in examples(MANY[::-1], "direct", balance=True, share=0.3)}
    assert backwards == set(ids(balance=True, share=0.3))
    assert ids(share=0.3) == sorted(ids(share=0.3))


def test_without_anything_kept_there_is_nothing_to_train_on() -> None:
    assert examples([]) == []
    assert examples([judged("YN")], balance=True) == []


def test_a_smaller_share_is_part_of_every_larger_one() -> None:
    ids = [f"s{n}" for n in range(40)]
    shares = [share_of(ids, share) for share in (0.01, 0.25, 0.5, 1.0)]
    assert [len(chosen) for chosen in shares] == [1, 10, 20, 40]
    assert all(small < large for small, large in itertools.pairwise(shares))
