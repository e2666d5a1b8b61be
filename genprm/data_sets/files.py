"""Rows of a user's file: JSON lines, a JSON array, CSV or Parquet, by its name; text may be gzipped (`.gz`)."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from genprm.data_sets.rows import InputError, Row, json_object, json_rows, parse_json
from genprm.data_sets.sources import parquet_rows
from genprm.data_sets.text_files import file_text
from genprm.fingerprints import fingerprint

_CHUNK = 2**20
_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".gz")
_LISTS = frozenset(
    (
        *("steps", "messages", "conversations", "completions", "turns", "alternatives"),
        *("labels", "mc", "rollouts", "progress", "rewards", "path_rewards", "paths", "rationale"),
    )
)
"""Columns of CSV whose cells may be JSON lists; in any other column, a cell that begins with a bracket is text."""


def names_file(name: str) -> bool:
    """Whether a name, by its ending, is that of a file with rows and not of a data set on the hub.

    >>> names_file("labels.jsonl.gz"), names_file("RLHFlow/Mistral-PRM-v1.0")
    (True, False)
    """
    return name.endswith(_ENDINGS)


def file_rows(file: str) -> list[Row]:
    """The rows of a file, each with its place (for messages).

    Raises:
        InputError: it cannot be read, is not of the kind that its name says, or is empty.
    """
    if file.endswith(".parquet"):
        return filled(file, list(parquet_rows(Path(file))))
    return filled(file, text_rows(file, file_text(Path(file))))


def filled(name: str, rows: list[Row]) -> list[Row]:
    """The rows, if there are any.

    Raises:
        InputError: there are none.
    """
    if not rows:
        raise InputError(f"{name}: nothing in it, allowed: at least one JSON object, one per line")
    return rows


def file_version(file: str) -> str:
    """The hash of a file's content; a note with the reason where the file cannot be read."""
    try:
        with Path(file).open("rb") as stream:
            return fingerprint(iter(lambda: stream.read(_CHUNK), b""))
    except OSError as error:
        return f"missing: {error.strerror}"


def text_rows(name: str, text: str) -> list[Row]:
    """The rows of a text: CSV if `name` says so (cells of `steps` and other lists are JSON); else JSON lines, one
    JSON array, or one object.

    A line ends at a newline only: JSON may hold other separators.

    Raises:
        InputError: it is not of the kind that its name says, or holds something other than objects.
    """
    if name.endswith((".csv", ".csv.gz")):
        return _csv_rows(name, text)
    if text.lstrip().startswith("["):
        placed = ((f"{name} item {index}", row) for index, row in enumerate(parse_json(text, name)))
        return [(where, json_object(row, where)) for where, row in placed]
    single = _single(text)
    return list(json_rows(text.split("\n"), name)) if single is None else [(name, single)]


def _single(text: str) -> dict[str, Any] | None:
    """The one JSON object that spans a text of several lines; None where the text is something else."""
    if "\n" not in text.strip():
        return None
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _csv_rows(name: str, text: str) -> list[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more cells than columns", strict=True)
    try:
        return [(f"{name} line {reader.line_num}", _cells(row, name, reader.line_num)) for row in reader]
    except csv.Error as error:
        raise InputError(f"{name} line {reader.line_num}: not CSV ({error})") from None


def _cells(row: dict[str, Any], name: str, line: int) -> dict[str, Any]:
    """Cells as fields: those of lists are JSON, an empty cell is null."""
    return {
        field: parse_json(cell, f"{name} line {line}: field {field!r}")
        if field in _LISTS and isinstance(cell, str) and cell.startswith("[")
        else cell or None
        for field, cell in row.items()
    }
