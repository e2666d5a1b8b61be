"""Real answers one edit apart are different, but for those that mathematics calls equal."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from genprm.answers.checker import AnswerChecker
from genprm.answers.reading import boxed_answer

SPELLED = (
    (r"\\[dt]frac", r"\\frac"),
    (r"\\left|\\right|\\text|\\mbox|\\!|[\s{}~.]+$|\\ |\\,(?=\s*\\text)|[{}\s]", ""),
    (r"\\?\$|\\?%|\^\\circ|\.$", ""),
    (r"(\.\d*?)0+(?!\d)", r"\1"),
    (r"(?<!\d)\.(?=\d)", "0."),
    (r"^0+(?=\d)", ""),
)
"""What two texts may differ in and be one answer on sight: spaces, braces, the kind of fraction, zeros, units."""


def answers_of(data_dir: Path) -> list[str]:
    train = json.loads((data_dir / "math-train" / "extracted_problems_and_answers.json").read_text())
    with gzip.open(data_dir / "math-test" / "test.jsonl.gz", "rt") as file:
        test = [boxed_answer(json.loads(line)["solution"]) for line in file]
    found = {answer.strip() for answer in [*(row["final_answer"] for row in train), *test] if answer}
    return sorted(answer for answer in found if len(answer) < 80)


def one_edit_apart(answers: list[str]) -> list[tuple[str, str]]:
    """All pairs that differ in one character, exchanged or left out; every third of two whole numbers."""
    without: dict[tuple[str, str], set[str]] = defaultdict(set)
    pairs = set()
    for answer in answers:
        for place in range(len(answer)):
            without[answer[:place], answer[place + 1 :]].add(answer)
    for alike in without.values():
        group = sorted(alike)
        pairs |= {(a, b) for index, a in enumerate(group) for b in group[index + 1 :]}
    known = set(answers)
    pairs |= {(b + a, one) for (b, a), alike in without.items() if b + a in known for one in alike}
    whole = re.compile(r"-?\d+")
    numbers = sorted(pair for pair in pairs if all(whole.fullmatch(answer) for answer in pair))
    return sorted(pairs - set(numbers)) + numbers[::3]


def on_sight(answer: str) -> str:
    for pattern, replacement in SPELLED:
        answer = re.sub(pattern, replacement, answer)
    return answer.rstrip(".,;")


@pytest.mark.slow
def test_nothing_one_edit_apart_is_equal_but_what_is_equal_on_sight(data_dir: Path) -> None:
    pairs = one_edit_apart(answers_of(data_dir))
    assert len(pairs) > 7000
    with AnswerChecker() as checker:
        equal = [pair for pair in pairs if checker.equivalent(*pair)]
    assert [pair for pair in equal if on_sight(pair[0]) != on_sight(pair[1])] == []


@pytest.mark.slow
def test_the_case_of_a_letter_in_mathematics_counts(data_dir: Path) -> None:
    changed = []
    for answer in answers_of(data_dir):
        if (
            "\\text" in answer
            or "\\mbox" in answer
            or re.search(r"[a-zA-Z]{2}", re.sub(r"\\[a-zA-Z]+", "", answer))
        ):
            continue
        place = re.search(r"(?<![\\a-zA-Z])[a-zA-Z](?![a-zA-Z])", answer)
        if place and place[0] not in "ei":
            changed.append((answer, answer[: place.start()] + place[0].swapcase() + answer[place.end() :]))
    assert len(changed) > 300
    with AnswerChecker() as checker:
        equal = [pair for pair in changed if checker.equivalent(*pair)]
    assert equal == []
