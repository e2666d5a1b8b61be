"""`genprm answers` says whether two answers mean the same, why, and how each was read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genprm.cli import app


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        app(list(arguments))
    return int(end.value.code or 0)


def test_a_pair_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("answers", r"\pi", "3.1416") == 0
    assert capsys.readouterr().out == (
        "equal: a decimal that rounds the value\n"
        "  reference '\\\\pi' read as \\pi\n"
        "  given '3.1416' read as 3.1416\n"
    )


def test_a_negative_answer_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("answers", "-5", "-5.0") == 0
    assert capsys.readouterr().out.startswith("equal: the same number")


def test_a_file_of_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [{"reference": "(2,5)", "given": "2<x<5"}, {"reference": "5", "given": "x^2=5"}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    assert run("answers", str(tmp_path / "pairs.jsonl"), "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["equal"] for row in rows] == [True, False]
    assert rows[0]["given_read"] == "x: interval or tuple (2, 5)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"reference": 1, "given": "1"}', "line 1: field 'reference' is 1, allowed: a non-empty string"),
        ('{"reference": "1"}', "line 1: field 'given' is missing"),
        ("1 = 1", "line 1: not JSON"),
    ],
)
def test_wrong_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    (tmp_path / "pairs.jsonl").write_text(content)
    assert run("answers", str(tmp_path / "pairs.jsonl")) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
