"""The answer-accuracy sets, read from a directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genprm.data_sets.answer_sets import ANSWER_SETS, load_answer_set
from genprm.data_sets.problems import load_problems, problem_id
from genprm.data_sets.rows import InputError
from genprm.records import BenchmarkCase
from genprm.settings import ProblemSettings

SIZES = {"math500": 500, "math-test": 5000, "amc23": 40, "aime24": 30, "minerva": 272, "gsm8k": 1319}
LAST_ANSWERS = {"math500": r"\frac{3}{56}", "amc23": "8", "minerva": "10.1", "gsm8k": "14"}


@pytest.mark.parametrize("name", ANSWER_SETS)
def test_every_row_of_a_set_is_a_problem_with_an_answer(data_dir: Path, name: str) -> None:
    found = load_answer_set(name, data_dir)
    assert (len(found.problems), found.without_answer, found.repeated) == (SIZES[name], 0, 0)
    assert all(problem.answer and problem.problem and problem.source == name for problem in found.problems)


def test_answers_are_read_from_where_each_set_has_them(data_dir: Path) -> None:
    first = {name: load_answer_set(name, data_dir).problems[0].answer for name in ANSWER_SETS}
    assert first == {
        "math500": r"\left( 3, \frac{\pi}{2} \right)",
        "math-test": "2",  # from the box in the solution
        "amc23": "27",  # stored as 27.0
        "aime24": "204",
        "minerva": "1.6",
        "gsm8k": "18",  # from "#### 18"
    }
    assert all("," not in problem.answer for problem in load_answer_set("gsm8k", data_dir))  # one is "2,125"


def test_training_and_evaluation_problems_hardly_overlap(data_dir: Path, processbench: list[BenchmarkCase]) -> None:
    train = {problem.id for problem in load_problems(ProblemSettings(source="math-train"), data_dir)}
    shared = {name: len(train & {p.id for p in load_answer_set(name, data_dir)}) for name in ANSWER_SETS}
    assert shared == dict.fromkeys(ANSWER_SETS, 0) | {"math-test": 2}
    assert len(train & {problem_id(case.problem) for case in processbench}) == 2


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("gsm8k", {"question": "q", "answer": "it is 5"}, "allowed: a solution that ends in '#### <number>'"),
        ("gsm8k", {"problem": "q", "answer": "#### 5"}, "field 'question' is missing"),
        ("math500", {"problem": "q", "answer": None}, "field 'answer' is None, allowed: a string or a number"),
        ("amc23", {"problem": "q", "answer": True}, "field 'answer' is True"),
        ("minerva", {"problem": "q"}, "field 'solution' is missing"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, name: str, row: object, message: str) -> None:
    path = tmp_path / ANSWER_SETS[name].source.file
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row))
    with pytest.raises(InputError) as error:
        load_answer_set(name, tmp_path)
    assert message in str(error.value)
    assert f"{path} line 1" in str(error.value)


def test_an_unknown_set_is_refused() -> None:
    with pytest.raises(InputError, match="answer set 'math' is unknown, allowed: math500, math-test, amc23"):
        load_answer_set("math")
