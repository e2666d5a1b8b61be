"""Final answers are found in solutions, and compared by meaning; on tables of cases and on all of MATH test."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import re
import resource
import string
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genprm.answers.checker import AnswerChecker, boxed_answer, extract_answer, quick_decision


@pytest.fixture(scope="module")
def answers() -> Iterator[AnswerChecker]:
    with AnswerChecker() as checker:
        yield checker


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so it is $\boxed{5}$.", "5"),
        (r"first $\boxed{3}$, then $\boxed{7}$", "7"),
        (r"$\boxed{\frac{\sqrt{3}}{2}}$", r"\frac{\sqrt{3}}{2}"),
        (r"$\boxed{\left\{1, 2\right\}}$", r"\left\{1, 2\right\}"),
        (r"$\fbox{8}$", "8"),
        (r"$\framebox{204}$ minutes", "204"),
        (r"$\boxed 2.$", "2"),
        (r"$\boxed{ 12 }$", "12"),
        (r"$\boxed{4}$ and a box cut off: $\boxed{12", "4"),
        (r"$\boxed{}$ The answer is 3.", "3"),
        ("The answer is 42. That is all 3 of us know.", "42"),
        ("The final answer is: $x = 5$.", "x = 5"),
        (r"the answer is \(\frac{1}{2}\) of it", r"\frac{1}{2}"),
        ("The answer is 3.5 apples.", "3.5 apples"),
        ("The answer is 1. No: the answer is 2", "2"),
        ("He pays 12 + 30 = 42 dollars", "42"),
        ("It drops to -7", "-7"),
        ("that leaves 12-7 = 1,234.5 cm", "1,234.5"),
        ("nothing to see", None),
        ("", None),
    ],
)
def test_last_box_then_announced_answer_then_last_number(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


EQUAL = [
    ("14", "14 keys"),
    ("12", "12th"),
    ("14", "14.0"),
    (r"\frac{1}{2}", "0.5"),
    (r"\dfrac12", "1/2"),
    (r"-\frac12", r"\frac{-1}{2}"),
    (r"\frac{\sqrt6}3", r"\frac{\sqrt{6}}{3}"),
    (r"\frac \pi4", r"\pi/4"),
    (r"3\frac{1}{2}", r"\frac{7}{2}"),
    ("11 2/3", r"\frac{35}{3}"),
    (r"\frac{3\sqrt{3}}{4}", r"0.75\sqrt{3}"),
    (r"\sqrt{50}", r"5\sqrt2"),
    (r"\$32,\!348", "32348"),
    ("1,000", "1000"),
    (r"10{,}000", "10000"),
    (r"11,\! 111,\! 111,\! 100", "11111111100"),
    ("4.5e33", r"4.5 \times 10^{33}"),
    ("0.00000001", "10^{-8}"),
    ("0.3333", r"\frac{1}{3}"),
    (".35625", "0.35625"),
    ("025", "25"),
    ("-1./3", r"-\frac{1}{3}"),
    (r"50\%", "50"),
    (r"90^\circ", r"90^{\circ}"),
    (r"90^\circ", "90"),
    (r"25 \, \text{km}", "25 km"),
    (r"12\text{ square units}", "12"),
    (r"440\text{ cm}^2", r"440 \text{ square centimeters}"),
    (r"\text{(C)}", "C"),
    (r"\text{June 20}", "June 20"),
    (r"\text{odd}", "Odd."),
    (r"\text{4:30 p.m.}", "4:30 PM"),
    ("1011_2", "1011_{2}"),
    ("x = 5", "5"),
    (r"y = 2x + 3", "y=3+2x"),
    (r"x \in [-2,7]", r"[-2, 7]"),
    ("(4x - 7)", "4x-7"),
    ("x^2+2x+1", "(x+1)^2"),
    ("4x-5y=-50", "5y - 4x = 50"),
    (r"x \le 3", r"3 \ge x"),
    ("1,-2", "-2, 1"),
    (r"\{1, 2\}", "2, 1"),
    (r"1 \pm \sqrt{19}", r"1 - \sqrt{19}, 1 + \sqrt{19}"),
    (r"7, -2, \text{ and } -5", "-5,-2,7"),
    (r"x=3 \text{ or } x=5", "5, 3"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \tfrac{\pi}2)"),
    (r"(-\infty,0]\cup[4,\infty)", r"[4, \infty) \cup (-\infty, 0]"),
    (r"\begin{pmatrix} 1/5 \\ 2 \end{pmatrix}", r"\begin{bmatrix}\frac15\\2\end{bmatrix}"),
    ("3:1", "6:2"),
    (r"-\sqrt{3}", r"\frac{\sin 80^\circ (4 \cos 80^\circ - 1)}{\cos 80^\circ}"),
    ("$5$", r"\(5\)"),
    (r"\$15,\!000", r"$\$15,000$."),
]

DIFFERENT = [
    ("1", "2"),
    ("50", "0.5"),
    (r"50\%", "0.5"),
    ("0.33", r"\frac{1}{3}"),
    ("10000", "10001"),
    ("1234.56", "1234.57"),
    ("10^{-8}", "10^{-9}"),
    (r"\frac{1}{2004!}", r"\frac{5}{2004!}"),
    (r"\sqrt2", "1.4"),
    ("2*3", "23"),
    ("1 2", "12"),
    ("3ab", "3"),
    ("a_1", "a"),
    ("3abc+2", "3abc-2"),
    ("1011_2", "1011_3"),
    (r"5 \text{ cm}", r"5 \text{ cm}^2"),
    ("June 20", "May 20"),
    (r"\text{odd}", r"\text{even}"),
    ("A", "B"),
    ("x+1", "x-1"),
    ("6-5i", "6+5i"),
    ("k = 15", "m = 15"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", "[1,2]"),
    ("[0,1)", "(0,1]"),
    ("(1,2)", "1,2"),
    ("1,2", "1,2,3"),
    ("1,1,2", "1,2,2"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \end{pmatrix}"),
    (r"\begin{pmatrix} -7 \\ 16 \end{pmatrix}", r"\begin{pmatrix} 11 \\ -36 \end{pmatrix}"),
    ("4:30", "4:31"),
]


@pytest.mark.parametrize(("reference", "found"), EQUAL)
def test_answers_that_mean_the_same(answers: AnswerChecker, reference: str, found: str) -> None:
    assert answers.equivalent(reference, found)
    assert answers.equivalent(found, reference)


@pytest.mark.parametrize(("reference", "found"), DIFFERENT)
def test_answers_that_mean_something_else(answers: AnswerChecker, reference: str, found: str) -> None:
    assert not answers.equivalent(reference, found)
    assert not answers.equivalent(found, reference)


def test_no_answer_is_never_right(answers: AnswerChecker) -> None:
    assert not answers.equivalent("5", None)
    assert not answers.equivalent("5", "")


def test_numbers_are_compared_without_a_worker() -> None:
    checker = AnswerChecker()
    assert checker.equivalent("0.5", r"\frac{1}{2}")
    assert not checker.equivalent("3", "4")
    assert checker._worker is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (r"9^{9^{9^{9}}}", r"8^{9^{9^{9}}}"),
        (r"(10^{10})!", "y + 1.0"),
    ],
)
def test_a_pair_that_takes_too_long_is_different_and_the_next_one_is_answered(reference: str, found: str) -> None:
    with AnswerChecker(seconds=1.0) as checker:
        assert not checker.equivalent(reference, found)
        assert checker.timeouts == 1
        assert checker.equivalent("x+1", "1+x")
        assert checker.timeouts == 1


def test_a_pair_that_the_worker_does_not_survive_is_counted() -> None:
    with AnswerChecker(seconds=0.01) as checker:
        checker.seconds = 1e-6  # what the caller waits: the reply cannot be there yet
        assert not checker.equivalent("x+1", "1+x")
        assert checker.timeouts == 1
        assert checker._worker is None


def test_a_worker_that_was_killed_is_replaced() -> None:
    with AnswerChecker() as checker:
        assert checker.equivalent("x+1", "1+x")
        assert checker._worker is not None
        checker._worker.kill()
        checker._worker.wait()
        assert checker.equivalent("x+2", "2+x")
        assert checker.timeouts == 0


def test_close_leaves_no_process_behind() -> None:
    checker = AnswerChecker()
    checker.equivalent("x+1", "1+x")
    worker = checker._worker
    assert worker is not None
    checker.close()
    assert worker.poll() is not None


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """1,100 open descriptors, so that whatever is opened next has a number that `select` does not take."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 2048:
        pytest.skip(f"at most {limits[1]} descriptors may be opened here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2048), limits[1]))
    null = os.open(os.devnull, os.O_RDONLY)
    opened = [null, *(os.dup(null) for _ in range(1099))]
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_answers_are_compared_while_a_thousand_files_are_open(many_descriptors: None) -> None:
    with AnswerChecker() as answers:
        assert answers.equivalent("x^2 + x", "x(x + 1)")
        assert answers._worker is not None
        assert answers._worker.stdout is not None
        assert answers._worker.stdout.fileno() > 1024


async def test_the_event_loop_goes_on_while_the_worker_thinks() -> None:
    with AnswerChecker() as checker:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        assert await checker.equivalent_async("x+1", "1+x")  # starts a process: much longer than a tick
        assert await checker.equivalent_async("5", "5")
        ticking.cancel()
        assert ticks > 10


HARD_TO_READ = [
    "\\boxed{" * 50_000,
    "\\boxed$" * 50_000,
    "answer is " * 20_000,
    "\\( $" * 50_000,
    "{" * 100_000 + "}" * 99_999,
    "9" * 100_000,
    "1," * 50_000,
    " " * 100_000,
]


@pytest.mark.parametrize("text", HARD_TO_READ, ids=lambda text: text[:10].strip() or "spaces")
def test_no_text_is_too_hard_to_read(text: str) -> None:
    extract_answer(text)
    extract_answer("the answer is " + text)
    assert quick_decision(text, text + "x") is False


HARD_TO_COMPARE = [
    "(" * 999 + "x" + ")" * 999,
    "\\text{" * 300,
    "\\frac" * 300,
    "1," * 900,
    "-" * 1900,
    "\\{" * 900,
    "1_" * 900,
]


@pytest.mark.slow
@pytest.mark.parametrize("text", HARD_TO_COMPARE, ids=lambda text: text[:6])
def test_no_answer_is_too_hard_to_compare(text: str) -> None:
    with AnswerChecker(seconds=1.0) as answers:
        assert answers.equivalent(text, text)
        assert not answers.equivalent("12", text)
        assert not answers.equivalent(text, "12")


COMMANDS = [r"\frac", r"\sqrt", r"\pi", r"\text{", r"\left", r"\{", r"\}", r"\boxed{", r"\cup", r"\pm", r"\circ"]
MATRIX = [r"\begin{pmatrix}", r"\end{pmatrix}", r"\\", "&"]
LATEX = st.lists(
    st.sampled_from([*string.digits, *"xyzABi+-*/^_=<>()[]{},.;:!|&$% \n", *COMMANDS, *MATRIX]), max_size=40
).map("".join)


@settings(max_examples=300, deadline=None)
@given(LATEX, LATEX)
def test_any_two_texts_are_compared_without_an_error(first: str, second: str) -> None:
    assert quick_decision(first, first) is True
    assert {quick_decision(first, second), quick_decision(second, first)} != {True, False}
    extract_answer(first)


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(1, 999), st.integers(-(10**6), 10**6), st.integers(1, 999))
def test_fractions_are_equal_exactly_when_their_values_are(a: int, b: int, c: int, d: int) -> None:
    assert quick_decision(f"{a}/{b}", f"{c}/{d}") is (a * d == c * b)


def math_test(data_dir: Path) -> list[dict[str, Any]]:
    with gzip.open(data_dir / "math-test" / "test.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def math500(data_dir: Path) -> list[dict[str, Any]]:
    with (data_dir / "math500" / "test500.jsonl").open() as file:
        return [json.loads(line) for line in file]


def test_every_math500_solution_states_its_stored_answer(answers: AnswerChecker, data_dir: Path) -> None:
    rows = math500(data_dir)
    assert len(rows) == 500
    found = [(row["answer"], extract_answer(row["solution"])) for row in rows]
    assert [pair for pair in found if not answers.equivalent(*pair)] == []
    assert [pair for pair in found if pair[1] is None or not answers.equivalent(pair[1], pair[0])] == []


def test_every_math_test_solution_states_an_answer_that_equals_itself(
    answers: AnswerChecker, data_dir: Path
) -> None:
    rows = math_test(data_dir)
    assert len(rows) == 5000
    stored = {row["problem"]: row["answer"] for row in math500(data_dir)}
    found = [(row["problem"], extract_answer(row["solution"])) for row in rows]
    assert [problem for problem, answer in found if answer is None] == []
    assert [a for _, a in found if a is None or not answers.equivalent(a, f" {a} ")] == []
    shared = [(stored[problem], answer) for problem, answer in found if problem in stored]
    assert len(shared) > 490
    assert [pair for pair in shared if not answers.equivalent(*pair)] == []


def test_an_answer_of_math_test_equals_itself_spelled_otherwise(answers: AnswerChecker, data_dir: Path) -> None:
    respelled = {
        "\\frac": "\\dfrac",
        "(": "\\left(",
        ")": "\\right)",
        "\\begin{pmatrix}": "\\begin{bmatrix}",
        " ": "  ",
    }
    respelled["\\end{pmatrix}"] = "\\end{bmatrix}"
    missed = []
    for row in math_test(data_dir):
        answer = extract_answer(row["solution"])
        assert answer is not None
        other = answer
        for spelling, another in respelled.items():
            other = other.replace(spelling, another)
        missed += [(answer, other)] * (not answers.equivalent(answer, f"${other}$."))
    assert missed == []


def digits_of(answer: str) -> list[str]:
    return re.findall(r"\d+", answer)


@pytest.mark.slow
def test_different_answers_of_the_same_type_are_not_taken_for_each_other(
    answers: AnswerChecker, data_dir: Path
) -> None:
    by_type: dict[str, list[str]] = defaultdict(list)
    for row in math_test(data_dir):
        answer = extract_answer(row["solution"])
        assert answer is not None
        by_type[row["type"]].append(answer)
    generator = random.Random(0)
    pairs: list[tuple[str, str]] = []
    for found in by_type.values():
        drawn = [generator.sample(found, 2) for _ in range(1500)]
        pairs += [(a, b) for a, b in drawn if sorted(digits_of(a)) != sorted(digits_of(b))]
    assert len(pairs) > 5000
    assert [pair for pair in pairs if answers.equivalent(*pair)] == []


@pytest.mark.slow
def test_a_changed_digit_is_seen(answers: AnswerChecker, data_dir: Path) -> None:
    generator = random.Random(0)
    missed = []
    for row in math_test(data_dir):
        answer = extract_answer(row["solution"])
        assert answer is not None
        places = [match.start() for match in re.finditer(r"\d", answer)]
        if places:
            place = generator.choice(places)
            digit = str((int(answer[place]) + generator.randint(1, 9)) % 10)
            changed = answer[:place] + digit + answer[place + 1 :]
            missed += [(answer, changed)] * answers.equivalent(answer, changed)
    assert missed == []


@pytest.mark.slow
def test_grades_of_sampled_responses_agree_with_published_ones(answers: AnswerChecker, data_dir: Path) -> None:
    path = data_dir / "nait-prm-scores" / "qwen25-7b-instruct_math500_4-responses.json.gz"
    rows = json.loads(gzip.decompress(path.read_bytes()))
    graded = [
        (answers.equivalent(row["answer"], extract_answer(response)), label == 1, row["answer"])
        for row in rows
        for response, label in zip(row["responses"], row["labels"], strict=True)
    ]
    assert len(graded) > 1900
    # Published as right, graded wrong: the reference 12, answered with "Twelfth Grade".
    assert [reference for ours, theirs, reference in graded if theirs and not ours] == ["12"]
    # Published as wrong although right: 2240/78125 for 448/15625, 30 for 30 degrees, 0.35625 for .35625 and such,
    # and sin 80 (4 cos 80 - 1) / cos 80 for -sqrt(3).
    assert sum(ours and not theirs for ours, theirs, _ in graded) == 12


def test_long_lists_in_opposite_order_are_compared_by_their_values() -> None:
    numbers = [str(number) for number in range(400)]
    assert quick_decision(",".join(numbers), ",".join(reversed(numbers))) is True


def test_long_lists_that_need_each_pair_compared_are_left_to_the_worker() -> None:
    first = ",".join(f"{number}/7" for number in range(1, 200))
    second = ",".join(f"{number}.5" for number in range(1, 200))
    assert quick_decision(first, second) is None
    with AnswerChecker() as checker:
        assert not checker.equivalent(first, second)
        assert checker.timeouts == 0


def test_a_pair_beyond_the_limit_ends_a_copy_of_the_worker_and_not_the_worker() -> None:
    with AnswerChecker(seconds=1.0) as checker:
        assert checker.equivalent("x+1", "1+x")
        worker = checker._worker
        assert not checker.equivalent(r"\sum_{k=1}^{10^9} \frac{1}{k^k}", r"\sum_{k=1}^{10^9} \frac{1}{k^{k}+1}")
        assert checker.equivalent("x+2", "2+x")
        assert checker._worker is worker


def references(data_dir: Path) -> dict[str, dict[str, str]]:
    """The reference answers of ProcessBench's problems, by the problem without white space."""
    with (data_dir / "gsm8k" / "test.jsonl").open() as file:
        gsm8k = {row["question"]: row["answer"].rpartition("####")[2] for row in map(json.loads, file)}
    math = {row["problem"]: boxed_answer(row["solution"]) or "" for row in math_test(data_dir)}
    return {
        name: {"".join(problem.split()): answer.strip() for problem, answer in answers.items()}
        for name, answers in (("gsm8k", gsm8k), ("math", math))
    }


@pytest.mark.slow
@pytest.mark.parametrize(("subset", "rows", "share"), [("gsm8k", 400, 0.9925), ("math", 1000, 0.99)])
def test_final_answers_of_processbench_are_graded_as_published(
    answers: AnswerChecker, data_dir: Path, subset: str, rows: int, share: float
) -> None:
    known = references(data_dir)[subset]
    cases = json.loads((data_dir / "processbench" / f"{subset}.json").read_text())
    agreed = [
        answers.equivalent(known["".join(case["problem"].split())], extract_answer(case["steps"][-1]))
        == case["final_answer_correct"]
        for case in cases
    ]
    assert len(agreed) == rows
    assert sum(agreed) / rows >= share
