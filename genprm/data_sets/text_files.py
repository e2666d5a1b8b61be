"""Text of files and of standard input: UTF-8 whatever the locale says; gzipped files are unpacked."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from genprm.data_sets.rows import InputError


def file_text(path: Path) -> str:
    """The text of a file, without the byte order mark that some editors write; `.gz` files are unpacked.

    Raises:
        InputError: it cannot be read, is not a whole gzip file, or is not UTF-8 text.
    """
    name = f"file {str(path)!r}"
    try:
        content = path.read_bytes()
        return decoded(gzip.decompress(content) if path.suffix == ".gz" else content, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{name} is not a whole gzip file: {error}") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}, allowed: a readable file") from None


def decoded(content: bytes, name: str) -> str:
    """Decode bytes as UTF-8, without a byte order mark; `name` says in messages where they are from.

    >>> decoded("\\ufeffé".encode(), "standard input")
    'é'

    Raises:
        InputError: they are not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}") from None
