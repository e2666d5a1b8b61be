"""SVAMP as it is found in the data, and as a small file has it."""

from __future__ import annotations

import json
from pathlib import Path

from genprm.data_sets.problems import load_problems
from genprm.settings import ProblemSettings


def written(directory: Path) -> Path:
    """Data of three problems, of which two ask the same."""
    rows = [
        {"Body": "Ann had 5 pens. She lost 2", "Question": "How many has she?", "Answer": 3.0},
        {"Body": "Ann had 5 pens.  She lost 2 ", "Question": "How many has she?", "Answer": "3"},
        {"Body": "There are 3 bags with 4 kiwis each.", "Question": "How many kiwis?", "Answer": "12"},
    ]
    path = directory / "easy-word-problems" / "svamp-test.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory


def test_a_problem_is_its_body_and_its_question(tmp_path: Path) -> None:
    first, second = load_problems(ProblemSettings(source="svamp"), written(tmp_path))
    assert (first.problem, first.answer) == ("Ann had 5 pens. She lost 2 How many has she?", "3")
    assert second.answer == "12"


def test_svamp_has_a_thousand_rows_with_whole_or_decimal_answers(data_dir: Path) -> None:
    problems = load_problems(ProblemSettings(source="svamp"), data_dir)
    rows = [json.loads(line) for line in (data_dir / "easy-word-problems" / "svamp-test.jsonl").open()]
    assert len(rows) == 1000
    asked = {"".join((row["Body"] + row["Question"]).split()) for row in rows}
    assert len(problems) == len(asked)
    assert {float(problem.answer) for problem in problems} == {float(row["Answer"]) for row in rows}
