"""A part of ProcessBench must have solutions of both kinds."""

from __future__ import annotations

from pathlib import Path

from genprm.data_sets.processbench import load_subset
from genprm.data_sets.subsample import subsample
from genprm.records import BenchmarkCase

CASES = [BenchmarkCase(f"math-{n}", "math", "g", "p", ["s"], n >= 50, 0 if n < 50 else -1) for n in range(100)]


def test_a_part_is_mixed_though_the_data_are_sorted() -> None:
    wrong = sum(case.label >= 0 for case in subsample(CASES, 40))
    assert 10 <= wrong <= 30


def test_order_is_kept_and_a_larger_part_contains_the_smaller() -> None:
    small, large = subsample(CASES, 10), subsample(CASES, 30)
    assert len(small) == 10
    assert len(large) == 30
    assert [case for case in CASES if case in large] == large
    assert all(case in large for case in small)


def test_no_limit_and_a_limit_beyond_the_end_give_everything() -> None:
    assert subsample(CASES, None) == CASES
    assert subsample(CASES, 1000) == CASES


def test_the_first_hundred_released_cases_are_all_wrong_and_a_part_is_not(data_dir: Path) -> None:
    cases = load_subset("gsm8k", data_dir)
    assert {case.label >= 0 for case in cases[:100]} == {True}
    part = subsample(cases, 100)
    assert 35 <= sum(case.label >= 0 for case in part) <= 65
