"""Read the input of commands: a file, or standard input where the name is `-`."""

from __future__ import annotations

import sys
from pathlib import Path

from genprm.data_sets.files import file_rows, filled, text_rows
from genprm.data_sets.rows import Row
from genprm.data_sets.text_files import decoded, file_text

STANDARD_INPUT = "-"


def read_text(file: str) -> tuple[str, str]:
    """Name (for messages) and text of a file, or of standard input for `-`.

    Raises:
        InputError: as `file_text`.
    """
    if file == STANDARD_INPUT:
        # As bytes: in some locales Python turns bytes that are not UTF-8 into surrogates, without an error.
        return "standard input", decoded(sys.stdin.buffer.read(), "standard input")
    return file, file_text(Path(file))


def read_objects(file: str) -> list[Row]:
    """The objects in a file, each with its place (for messages).

    A file holds JSON lines, one JSON array of objects, or one object; or, by its name, CSV or Parquet. Text may be
    compressed (`.gz`).

    Raises:
        InputError: as `read_text`; the file is not of the kind that its name says, or holds no objects.
    """
    if file.endswith(".parquet"):
        return file_rows(file)
    name, text = read_text(file)
    return filled(name, text_rows(name, text))
