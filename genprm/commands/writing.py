"""What commands write where they were told to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


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


def write_parquet(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows in a Parquet file, at once.

    Raises:
        InputError: the file cannot be written, or a column is of several kinds.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from genprm.data_sets.rows import InputError
    from genprm.files import replacing

    try:
        with replacing(out) as part:
            pq.write_table(pa.Table.from_pylist(list(rows)), part)
    except pa.ArrowException as error:
        raise InputError(
            f"file {str(out)!r}: not one kind for each column ({error}), allowed: JSON lines"
        ) from None
    except OSError as error:
        raise InputError(f"file {str(out)!r} cannot be written: {error.strerror or error}") from None
