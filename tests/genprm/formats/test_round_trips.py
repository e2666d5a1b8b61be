"""What is read and written again is the same, on published rows where they are at hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from genprm.data_sets.rows import InputError
from genprm.formats.base import export_rows, format_named, import_rows

SHEPHERD = {
    "input": "Why? Step 1: ки is a word. ки\nStep 2: So 1 + 1 = 3. ки",
    "label": "Why? Step 1: ки is a word. +\nStep 2: So 1 + 1 = 3. -",
    "task": "GSM8K",
}
RLHFLOW = {
    "conversations": [
        {"role": "user", "content": "Why? Step 1: Because."},
        {"role": "assistant", "content": "+"},
        {"role": "user", "content": "Step 2: So 1 + 1 = 3."},
        {"role": "assistant", "content": "-"},
    ]
}
STEPWISE = {"prompt": "Which is larger?", "completions": ["9.9 is 9.90.", "So 9.11."], "labels": [True, False]}
PROCESSBENCH = {
    "id": "gsm8k-0",
    "generator": "someone",
    "problem": "Why?",
    "steps": ["a", "b", "c"],
    "final_answer_correct": False,
    "label": 1,
}


def imported(name: str, rows: list[Any]) -> list[dict[str, Any]]:
    return list(import_rows(format_named(name), [("row", row) for row in rows]))


def exported(name: str, rows: list[Any]) -> list[dict[str, Any]]:
    return list(export_rows(format_named(name), [("row", row) for row in rows]))


@pytest.mark.parametrize(
    ("name", "row", "steps", "labels"),
    [
        ("math-shepherd", SHEPHERD, ["Step 1: ки is a word.", "Step 2: So 1 + 1 = 3."], [1, 0]),
        ("rlhflow", RLHFLOW, ["Step 1: Because.", "Step 2: So 1 + 1 = 3."], [1, 0]),
        ("trl-stepwise", STEPWISE, ["9.9 is 9.90.", "So 9.11."], [1, 0]),
        ("processbench", PROCESSBENCH, ["a", "b", "c"], [1, 0]),
    ],
)
def test_a_row_comes_back(name: str, row: dict[str, Any], steps: list[str], labels: list[int]) -> None:
    [found] = imported(name, [row])
    assert (found["steps"], found["labels"]) == (steps, labels)
    assert exported(name, json.loads(json.dumps([found]))) == [row]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("math-shepherd", "step-label-samples/openr_math-shepherd.jsonl"),
        ("processbench", "processbench/gsm8k.json"),
        ("processbench", "processbench/omnimath.json"),
    ],
)
def test_published_rows_come_back(name: str, file: str, data_dir: Path) -> None:
    text = (data_dir / file).read_text()
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    assert exported(name, imported(name, rows)) == rows


def test_labels_go_from_one_format_to_another() -> None:
    assert exported("rlhflow", imported("math-shepherd", [{**SHEPHERD}]))[0]["conversations"][1::2] == [
        {"role": "assistant", "content": "+"},
        {"role": "assistant", "content": "-"},
    ]


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        (
            "trl-stepwise",
            {**STEPWISE, "labels": [True]},
            "row: field 'labels' is [True], allowed: a label for each",
        ),
        ("math-shepherd", {**SHEPHERD, "label": "Why? Step 1: x"}, "row: field 'label' is "),
        ("rlhflow", {"conversations": []}, "row: field 'conversations' is [], allowed: "),
        ("processbench", {**PROCESSBENCH, "label": 3}, "row: field 'label' is 3, allowed: a step index below 3"),
        (
            "rlhflow",
            {"conversations": [{**t, "name": "x"} for t in RLHFLOW["conversations"]]},
            "row: the row would",
        ),
    ],
)
def test_a_wrong_row_is_named(name: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        imported(name, [row])


def test_an_unknown_format_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="format is 'x', allowed: trl-stepwise, math-shepherd"):
        format_named("x")
