"""A journal in a file that a user names."""

from __future__ import annotations

from pathlib import Path

from genprm.data_sets.rows import InputError
from genprm.journal import Journal

_ROW = b'{"key": "'
"""How every row of a journal begins."""


def open_journal(path: Path) -> Journal:
    """Open the journal in a file, or begin one where there is no file. A file of another kind is left as it is.

    Raises:
        InputError: the file is no journal, or cannot be opened.
        JournalError: it is in use by another process, or damaged.
    """
    try:
        if path.exists():
            with path.open("rb") as file:
                if not _ROW.startswith(file.read(len(_ROW))):
                    raise InputError(f"journal {str(path)!r} is another file, allowed: a new one, or a journal")
        return Journal(path)
    except OSError as error:
        raise InputError(f"journal {str(path)!r} cannot be opened: {error.strerror or error}") from None
