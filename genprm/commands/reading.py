"""What commands read: a file, or standard input where the name is `-`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from genprm.data_sets.rows import UNREADABLE, InputError, json_rows, shown, unreadable

STANDARD_INPUT = "-"


def read_text(file: str) -> tuple[str, str]:
    """Name (for messages) and text of a file, or of standard input for `-`.

    Raises:
        InputError: it is not there, cannot be read, or is not UTF-8 text.
    """
    if file == STANDARD_INPUT:
        try:
            return "standard input", sys.stdin.read()
        except UnicodeDecodeError as error:
            raise InputError(f"standard input is not UTF-8 text: {error.reason}") from None
    try:
        return file, Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"file {file!r} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"file {file!r} cannot be read: {reason}, allowed: a readable file, or '-'") from None


def read_lines(file: str) -> tuple[str, list[str]]:
    """Name and lines of a file. A line ends at a newline only: JSON may hold other separators.

    Raises:
        InputError: as `read_text`.
    """
    name, text = read_text(file)
    return name, text.split("\n")


def read_objects(file: str) -> list[tuple[str, dict[str, Any]]]:
    """Where each object is (for messages) and the object: JSON lines, one JSON array of objects, or one object.

    Raises:
        InputError: as `read_text`, not JSON, not objects, or none at all.
    """
    name, text = read_text(file)
    if (single := _single(text)) is not None:
        return [(name, single)]
    rows = _array(name, text) if text.lstrip().startswith("[") else list(json_rows(text.split("\n"), name))
    if not rows:
        raise InputError(f"{name}: nothing in it, allowed: at least one JSON object, one per line")
    return rows


def _single(text: str) -> dict[str, Any] | None:
    """The object that a text of several lines is as a whole; None where it is something else."""
    if "\n" not in text.strip():
        return None
    try:
        value = json.loads(text)
    except UNREADABLE:
        return None
    return value if isinstance(value, dict) else None


def _array(name: str, text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name} line {error.lineno}"
        raise InputError(f"{where}: not JSON ({error.msg} at column {error.colno})") from None
    except UNREADABLE as error:
        raise unreadable(name, error) from None
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(f"{name} item {index}: {shown(row)} is not a JSON object")
    return [(f"{name} item {index}", row) for index, row in enumerate(rows)]
