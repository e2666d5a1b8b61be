"""Files that commands read: the same rows in every form, and one line for what is none."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genprm.commands.reading import read_objects
from genprm.data_sets.rows import InputError, json_rows, text_field, texts_field
from genprm.evaluation.predictions import parse_predictions
from genprm.labels.progress import label_rows
from genprm.settings import LabelVariant

ROWS = [
    {"id": "gsm8k-0", "label": -1, "rewards": [0.9, 0.75]},
    {"id": "gsm8k-1", "label": 1, "rewards": [0.9, 0.25]},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def _csv(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "label", "rewards"])
        writer.writeheader()
        writer.writerows(ROWS)


FORMS: dict[str, Callable[[Path], Any]] = {
    "lines.jsonl": lambda path: path.write_text(LINES),
    "carriage-returns.jsonl": lambda path: path.write_bytes(LINES.replace("\n", "\r\n").encode()),
    "byte-order-mark.jsonl": lambda path: path.write_text("\ufeff" + LINES),
    "packed.jsonl.gz": lambda path: path.write_bytes(gzip.compress(LINES.encode(), mtime=0)),
    "array.json": lambda path: path.write_text(json.dumps(ROWS, indent=1)),
    "table.parquet": lambda path: pq.write_table(pa.Table.from_pylist(ROWS), path),
    "table.csv": _csv,
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    FORMS[form](path)
    expected = parse_predictions(json_rows(LINES.split("\n"), "input"), "input")
    assert parse_predictions(read_objects(str(path)), form) == expected


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x1c"])
def test_a_line_ends_at_a_newline_only(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"problem": f"a{separator}b"}
    text = json.dumps(row, ensure_ascii=separator == "\x1c")
    path.write_text(f"{text}\n{text}\n", encoding="utf-8")
    assert [found for _, found in read_objects(str(path))] == [row, row]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("deep.jsonl", b"[" * 100_000, "not JSON"),
        ("deep.jsonl", b'{"id": ' * 100_000, "not JSON"),
        ("digits.jsonl", b'{"id": "x", "label": ' + b"9" * 5000 + b"}", "not JSON"),
        ("half.jsonl", b'{"id": "\\ud800"}', "not JSON"),
        ("bytes.jsonl", b'{"id": "\xff"}', "not UTF-8"),
        ("cut.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:-12], "not a whole gzip file"),
        ("plain.jsonl.gz", LINES.encode(), "not a whole gzip file"),
        ("text.parquet", LINES.encode(), "cannot be read"),
        ("cells.csv", b'id,rewards\nx,"[0.5,"\n', "cells.csv line 2: field 'rewards': not JSON"),
        ("empty.jsonl", b"\n \n", "nothing in it"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        read_objects(str(path))
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("id", "subset", "label", "prediction", "rewards", "pass_at_1", "mc", "rollouts", "problem", "steps")
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), JSON | st.lists(st.floats(0, 1)), max_size=10)
ANY_LINES = st.lists(OBJECTS.map(json.dumps) | JSON.map(json.dumps) | st.text(), max_size=4)


def _predicted(lines: list[str]) -> None:
    parse_predictions(json_rows(lines, "input"), "input")


def _judged(lines: list[str]) -> None:
    for where, row in json_rows(lines, "input"):
        text_field(row, "problem", where)
        texts_field(row, "steps", where)


def _labelled(lines: list[str]) -> None:
    for estimator in ("ratio", "changepoint"):
        for labels in label_rows(json_rows(lines, "input"), LabelVariant.model_validate({"estimator": estimator})):
            assert all(progress == progress for progress in labels.progress)


@pytest.mark.slow
@pytest.mark.parametrize("read", [_predicted, _labelled, _judged])
@settings(max_examples=1500, deadline=None)
@given(lines=ANY_LINES)
def test_any_text_is_read_or_refused_in_one_line(read: Callable[[list[str]], Any], lines: list[str]) -> None:
    said = ""
    try:
        read(lines)
    except InputError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1


def test_standard_input_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    """Under LC_ALL=C Python would read half characters, and no error."""
    command = [sys.executable, "-c", "from genprm.cli import main; main()", "label", "-"]
    told = subprocess.run(
        command, input=b'{"id": "caf\xe9"}', env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False
    )
    assert (told.returncode, told.stdout) == (2, b"")
    assert told.stderr == b"genprm: standard input is not UTF-8 text: invalid continuation byte at byte 11\n"
