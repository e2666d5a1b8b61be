"""Write the output files of commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def check_output(out: Path) -> None:
    """Refuse an output file that cannot be written, before the work for it begins.

    Raises:
        InputError: it cannot be written.
    """
    from genprm.files import check_place

    with _explained(out):
        check_place(out)


def write_output(out: Path, text: str) -> None:
    """Write a text to a file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    from genprm.files import write_text

    with _explained(out):
        write_text(out, text)


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    from genprm.data_sets.rows import InputError

    try:
        yield
    except OSError as error:
        raise InputError(f"file {str(out)!r} cannot be written: {error.strerror or error}") from None


def write_parquet(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows to a Parquet file, whole or not at all.

    Raises:
        InputError: the file cannot be written, or a column is of several kinds.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from genprm.data_sets.rows import InputError
    from genprm.files import replacing

    try:
        with _explained(out), replacing(out) as part:
            pq.write_table(pa.Table.from_pylist(list(rows)), part)
    except pa.ArrowException as error:
        raise InputError(
            f"file {str(out)!r}: not one kind for each column ({error}), allowed: JSON lines"
        ) from None
