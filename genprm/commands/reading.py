"""What commands read: a file, or standard input where the name is `-`."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from genprm.data_sets.rows import InputError, Row, json_object, json_rows, parse_json
from genprm.data_sets.sources import parquet_rows

STANDARD_INPUT = "-"
_BYTE_ORDER_MARK = "\ufeff"


def read_text(file: str) -> tuple[str, str]:
    """Name (for messages) and text of a file, or of standard input for `-`.

    Raises:
        InputError: it is not there, cannot be read, or is not UTF-8 text.
    """
    if file == STANDARD_INPUT:
        try:
            return "standard input", sys.stdin.read().removeprefix(_BYTE_ORDER_MARK)
        except UnicodeDecodeError as error:
            raise InputError(f"standard input is not UTF-8 text: {error.reason}") from None
    try:
        content = Path(file).read_bytes()
        return file, (gzip.decompress(content) if file.endswith(".gz") else content).decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"file {file!r} is not a whole gzip file: {error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"file {file!r} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"file {file!r} cannot be read: {reason}, allowed: a readable file, or '-'") from None


def read_objects(file: str) -> list[Row]:
    """Where each object is (for messages) and the object.

    A file holds JSON lines, one JSON array of objects, or one object; or, by its name, CSV (lists in cells are
    JSON) or Parquet. Text may be packed (`.gz`). A line ends at a newline only: JSON may hold other separators.

    Raises:
        InputError: as `read_text`, not what its name says, not objects, or none at all.
    """
    if file.endswith(".parquet"):
        name, rows = file, list(parquet_rows(Path(file)))
    else:
        name, text = read_text(file)
        rows = _text_rows(name, text)
    if not rows:
        raise InputError(f"{name}: nothing in it, allowed: at least one JSON object, one per line")
    return rows


def _text_rows(name: str, text: str) -> list[Row]:
    if name.endswith((".csv", ".csv.gz")):
        return _csv_rows(name, text)
    if text.lstrip().startswith("["):
        placed = ((f"{name} item {index}", row) for index, row in enumerate(parse_json(text, name)))
        return [(where, json_object(row, where)) for where, row in placed]
    single = _single(text)
    return list(json_rows(text.split("\n"), name)) if single is None else [(name, single)]


def _single(text: str) -> dict[str, Any] | None:
    """The object that a text of several lines is as a whole; None where it is something else."""
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
    """Cells as fields: lists are JSON, an empty cell is null."""
    where = f"{name} line {line}"
    return {
        field: parse_json(cell, where) if isinstance(cell, str) and cell.startswith("[") else cell or None
        for field, cell in row.items()
    }
