"""Rows of public data sets, from the Hugging Face hub or from a directory that holds the same sets as files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genprm.data_sets.rows import InputError, Row, json_object, json_rows, parse_json, shown
from genprm.data_sets.text_files import file_text

DIRECTORY_VARIABLE = "GENPRM_DATA_DIR"
HUB = "hub"


@dataclass(frozen=True, slots=True)
class DataSource:
    """One split of one public data set: its hub repository, and its file below a data directory."""

    repository: str
    split: str
    file: str
    config: str | None = None


def data_directory(given: str | None = None) -> Path | None:
    """The directory that data sets are read from; None means the hub.

    `given` is a path or `hub`; empty means `GENPRM_DATA_DIR`, then the hub.

    Raises:
        InputError: no such directory, or it cannot be read.
    """
    value = given or os.environ.get(DIRECTORY_VARIABLE) or HUB
    if value == HUB:
        return None
    path = Path(value)
    if not path.is_dir():
        raise InputError(f"data directory {value!r} is not a directory, allowed: a readable directory, or {HUB!r}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise InputError(f"data directory {value!r} cannot be read, allowed: a readable directory, or {HUB!r}")
    return path


def source_rows(source: DataSource, directory: Path | None) -> Iterator[Row]:
    """All rows of a data set, in order.

    Raises:
        InputError: a file is missing, unreadable or malformed, or the hub cannot be reached; one line says which.
    """
    return hub_rows(source) if directory is None else _file_rows(directory / source.file)


def _file_rows(path: Path) -> Iterator[Row]:
    if path.suffix == ".parquet":
        return parquet_rows(path)
    text = file_text(path)
    return json_rows(text.split("\n"), str(path)) if ".jsonl" in path.name else _array_rows(path, text)


def _array_rows(path: Path, text: str) -> Iterator[Row]:
    rows = parse_json(text, f"data file {str(path)!r}")
    if not isinstance(rows, list):
        raise InputError(f"data file {str(path)!r} holds {shown(rows)}, allowed: an array of objects")
    for index, row in enumerate(rows):
        yield f"{path} row {index}", json_object(row, f"{path} row {index}")


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file.

    Raises:
        InputError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        batches = pq.ParquetFile(path).iter_batches(batch_size=256)
        rows = (row for batch in batches for row in batch.to_pylist())
        yield from ((f"{path} row {index}", row) for index, row in enumerate(rows))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"data file {str(path)!r} cannot be read: {error}") from None


def first_row(source: DataSource, directory: Path | None) -> Row | None:
    """The first row of a data set, None where it has none; from the hub without downloading the rest.

    Raises:
        InputError: as `source_rows`.
    """
    rows = hub_rows(source, streaming=True) if directory is None else source_rows(source, directory)
    return next(iter(rows), None)


def hub_rows(source: DataSource, *, streaming: bool = False) -> Iterator[Row]:
    """All rows of a data set on the hub; with `streaming`, they are read on demand and not downloaded first.

    Raises:
        InputError: the hub cannot be reached, or has no such data set or split.
    """
    import datasets

    try:
        rows = datasets.load_dataset(source.repository, source.config, split=source.split, streaming=streaming)
    except (OSError, ValueError) as error:  # no network, no such repository, no such split
        reason = " ".join(str(error).split())
        raise InputError(
            f"data set {source.repository!r} split {source.split!r} cannot be had from the hub ({reason}); "
            f"name a directory with it (--data DIR or {DIRECTORY_VARIABLE})"
        ) from None
    for index, row in enumerate(rows):
        yield f"{source.repository} {source.split} row {index}", dict(row)
