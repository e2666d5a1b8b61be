"""What commands read: a file, or standard input where the name is `-`."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

from genprm.data_sets.files import file_rows, filled, text_rows
from genprm.data_sets.rows import InputError, Row

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

    A file holds JSON lines, one JSON array of objects, or one object; or, by its name, CSV or Parquet. Text may be
    packed (`.gz`).

    Raises:
        InputError: as `read_text`, not what its name says, not objects, or none at all.
    """
    if file.endswith(".parquet"):
        return file_rows(file)
    name, text = read_text(file)
    return filled(name, text_rows(name, text))
