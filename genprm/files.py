"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends without an error.

    Directories are made where they are missing. After an error `path` is as it was, and nothing is left beside it.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(path)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Check that `replacing` could put a file at `path`. A file that is already there is left as it is.

    Raises:
        OSError: `replacing` could not.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(path)
    try:
        part.touch()
    finally:
        part.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` with a text, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
