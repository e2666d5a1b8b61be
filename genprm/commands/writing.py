"""What commands write where they were told to."""

from __future__ import annotations

from pathlib import Path


def write_output(out: Path, text: str) -> None:
    """Put a text in a file, at once.

    Raises:
        InputError: the file cannot be written.
    """
    from genprm.data_sets.rows import InputError
    from genprm.files import write_text

    try:
        write_text(out, text)
    except OSError as error:
        raise InputError(f"file {str(out)!r} cannot be written: {error.strerror or error}") from None
