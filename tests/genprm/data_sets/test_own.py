"""Problems and labelled solutions of one's own, from files and from (a directory that stands for) the hub."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genprm.data_sets.own import own_cases
from genprm.data_sets.problems import load_problems
from genprm.data_sets.rows import InputError
from genprm.data_sets.sources import DataSource, first_row
from genprm.settings import EvaluationSettings, ProblemSettings

ROWS: list[dict[str, Any]] = [
    {"question": "2 + 3?", "answer": "2 + 3 is five.\n#### 5"},
    {"question": "10 / 4?", "answer": "So \\boxed{2.5}."},
    {"question": "1000 + 1?", "answer": "1001"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def problems(source: str = "file", **rows: Any) -> list[tuple[str, str]]:
    settings = ProblemSettings.model_validate({"source": source, "rows": rows})
    return [(problem.problem, problem.answer) for problem in load_problems(settings)]


def write(path: Path) -> str:
    if path.name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(LINES.encode(), mtime=0))
    elif path.suffix == ".json":
        path.write_text(json.dumps(ROWS))
    elif path.suffix == ".csv":
        cells = "\n".join(f'"{row["question"]}","{row["answer"]}"' for row in ROWS)
        path.write_text(f"question,answer\n{cells}\n")
    else:
        path.write_text(LINES)
    return str(path)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("#### Step 1\nAdd.\n#### Step 2\nSo $\\boxed{5}$.", "5"),
        ("Add: $\\boxed{5}$\n#### 5 apples", "5"),
        ("Add.\n#### 1,250\n\n", "1250"),
        ("Add.\n#### $1,234,567.50", "$1234567.50"),
        ("Add.\n#### (3, 4)", "(3, 4)"),
        ("Add.\n#### (3,456)", "(3,456)"),
        ("Add.\n#### 1, 2", "1, 2"),
        ("(3, 4)", "(3, 4)"),
    ],
)
def test_the_answer_of_a_solution_is_in_its_box_or_behind_hashes_on_its_last_line(
    tmp_path: Path, solution: str, answer: str
) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps({"question": "a", "answer": solution}) + "\n")
    assert problems(data=str(file)) == [("a", answer)]


@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.json", "p.csv", "p.parquet"])
def test_problems_of_a_file(tmp_path: Path, name: str) -> None:
    expected = [("2 + 3?", "5"), ("10 / 4?", "2.5"), ("1000 + 1?", "1001")]
    assert problems(data=write(tmp_path / name)) == expected


def test_a_bracket_begins_a_text_in_columns_of_texts(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    rows = ('"[asy] draw((0,0)); [/asy] Which x?","[2,5)"', '"[x] is the floor. Which x?","[2,5]"', "Why?,[")
    file.write_text("\n".join(["problem,answer", *rows]))
    assert problems(data=str(file)) == [
        ("[asy] draw((0,0)); [/asy] Which x?", "[2,5)"),
        ("[x] is the floor. Which x?", "[2,5]"),
        ("Why?", "["),
    ]


def test_a_field_that_is_null_counts_as_absent(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    row = {"problem": None, "question": "2 + 3?", "answer": None, "solution": "So \\boxed{5}."}
    file.write_text(json.dumps(row))
    assert problems(data=str(file)) == [("2 + 3?", "5")]


def test_problems_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(LINES)
    assert problems("hub", data=str(tmp_path))[0] == ("2 + 3?", "5")
    with pytest.raises(InputError, match="split 'test' cannot be had from the hub"):
        problems("hub", data=str(tmp_path), split="test")


def test_the_first_row_is_read_without_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS * 1000), file, row_group_size=10)
    monkeypatch.setattr("datasets.builder.DatasetBuilder.download_and_prepare", None)
    assert first_row(DataSource(str(tmp_path), "train", "train.parquet"), None) == (
        f"{tmp_path} train row 0",
        ROWS[0],
    )


def test_the_columns_are_settings(data_dir: Path) -> None:
    svamp = data_dir / "easy-word-problems" / "svamp-test.jsonl"
    read = problems(data=str(svamp), problem=["Body", "Question"], answer="Answer")
    assert len(read) > 900
    assert read[0][0].startswith("There are 87 oranges and 290 bananas in Philip's collection.")
    assert read[0][0].endswith("How big is each group of bananas?")
    assert read[0][1] == "145"


def test_gsm8k_is_a_source_with_the_answers_of_its_solutions(data_dir: Path) -> None:
    read = load_problems(ProblemSettings(source="gsm8k"), data_dir)
    solutions = [json.loads(line) for line in (data_dir / "gsm8k-train" / "train.jsonl").read_text().splitlines()]
    assert len(read) == len(solutions) == 7473
    assert [row.answer for row in read] == [s["answer"].split("#### ")[1].replace(",", "") for s in solutions]


@pytest.mark.parametrize(
    ("lines", "rows", "message"),
    [
        (LINES + '{"question": " ", "answer": "1"}\n', {}, "line 4: field 'question' is ' ', allowed: a non-empty"),
        (LINES + "{\n", {}, "line 4: not JSON"),
        (LINES, {"answer": "reply"}, "line 1: field 'reply' is missing, allowed: a string or a number"),
        (LINES, {"problem": "text"}, "line 1: field 'text' is missing"),
        ('{"question": "a", "answer": [1]}\n', {}, "field 'answer' is [1], allowed: a string or a number"),
        ('{"question": "a", "answer": null}\n', {}, "no problem with an answer among 1 rows"),
        ("", {}, "nothing in it"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, lines: str, rows: dict[str, str], message: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(lines)
    with pytest.raises(InputError) as refused:
        problems(data=str(file), **rows)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("source", ["file", "hub"])
def test_rows_have_to_be_named(source: str) -> None:
    with pytest.raises(InputError, match=r"problems\.rows\.data is empty"):
        problems(source)
    with pytest.raises(InputError, match="cannot be"):
        problems(source, data="/nothing/here.jsonl")


def test_what_is_at_its_default_is_not_in_the_fingerprint() -> None:
    assert "rows" not in ProblemSettings().model_dump()
    assert "rows" not in EvaluationSettings().model_dump()


CASES: list[dict[str, Any]] = [
    {"id": "a", "problem": "2 + 3?", "steps": ["2 + 3 = 5"], "label": -1},
    {"id": "b", "question": "2 + 3 + 4?", "solution": "Step 1: 2 + 3 = 6\nStep 2: 6 + 4 = 10", "label": 0},
    {"id": 7, "problem": "c", "steps": ["x", "y"], "label": "1", "subset": "hard", "final_answer_correct": True},
]


def cases(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> list[Any]:
    file = folder / "cases.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"source": "file", "rows": {"data": str(file)}, "subsets": ["mine"], **settings}
    return own_cases(EvaluationSettings.model_validate(values))


def test_labelled_solutions(tmp_path: Path) -> None:
    first, second = cases(tmp_path, CASES)
    assert (first.id, first.subset, first.label, first.final_answer_correct) == ("a", "mine", -1, True)
    assert (second.steps, second.label) == (["Step 1: 2 + 3 = 6", "Step 2: 6 + 4 = 10"], 0)

    (hard,) = cases(tmp_path, CASES, subsets=["hard"])[-1:]
    assert (hard.id, hard.label, hard.final_answer_correct) == ("7", 1, True)


@pytest.mark.parametrize(
    ("rows", "subsets", "message"),
    [
        ([{**CASES[0], "label": 1}], ["mine"], "line 1: field 'label' is 1, allowed: -1 (no error) to 0"),
        ([{"problem": "a", "steps": ["b"]}], ["mine"], "line 1: field 'label' is missing"),
        ([CASES[0], CASES[0]], ["mine"], "line 2: field 'id' is 'a', already used at"),
        (CASES, ["mine", "hard"], "subset 'mine' has no solutions, allowed: all, hard"),
    ],
)
def test_a_case_that_is_none_is_named(
    tmp_path: Path, rows: list[dict[str, Any]], subsets: list[str], message: str
) -> None:
    with pytest.raises(InputError) as refused:
        cases(tmp_path, rows, subsets=subsets)
    assert message in str(refused.value)
