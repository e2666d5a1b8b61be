"""Records as tables: Arrow schemas, Parquet files, and a hash of the content of rows.

A table is a Parquet file with one row per record; its columns are the record's fields in order. Lists of steps,
scores and labels are list columns.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from genprm.data_sets.rows import InputError
from genprm.files import replacing
from genprm.fingerprints import fingerprint
from genprm.journal import Codec

R = TypeVar("R")


class TableError(InputError):
    """A table on disk cannot be read as what it should be; the message names the file."""


_SCALARS: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _arrow_type(annotation: Any) -> pa.DataType:
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is list:
        return pa.list_(_arrow_type(inner[0]))
    if isinstance(annotation, types.UnionType):
        (given,) = set(inner) - {types.NoneType}
        return _arrow_type(given)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return pa.string()
    if dataclasses.is_dataclass(annotation):
        return pa.struct(list(schema_of(typing.cast(type, annotation))))
    raise TypeError(f"no column type for {annotation!r}")


def schema_of(record: type) -> pa.Schema:
    """The Arrow schema of a record type: its fields in order.

    >>> from genprm.records import Problem
    >>> schema_of(Problem).names
    ['id', 'problem', 'answer', 'source']
    """
    hints = typing.get_type_hints(record)
    return pa.schema([(f.name, _arrow_type(hints[f.name])) for f in dataclasses.fields(record)])


def to_table(record: type[R], rows: Iterable[R]) -> pa.Table:
    """Rows of one record type as an Arrow table with exactly that type's schema."""
    dicts = [dataclasses.asdict(typing.cast(Any, row)) for row in rows]
    return pa.Table.from_pylist(dicts, schema=schema_of(record))


@cache
def _adapter(record: Any) -> TypeAdapter[Any]:
    return TypeAdapter(record)


def record_codec(record: type[R]) -> Codec[R]:
    """The journal codec of a record type: `to_dict` encodes, `from_dict` decodes."""
    return Codec(to_dict, partial(from_dict, record))


def to_dict(record: Any) -> dict[str, Any]:
    """The fields of a record by name, for journals and their keys."""
    return dataclasses.asdict(record)


def from_dict(record: type[R], row: Mapping[str, Any]) -> R:
    """Make a record from its `to_dict`, which may have passed through JSON.

    Raises:
        pydantic.ValidationError: a field is missing, or its value is of another type.
    """
    made: R = _adapter(typing.cast(Any, record)).validate_python(row)
    return made


def content_hash(rows: Iterable[Any], without: Sequence[str] = ()) -> str:
    """Hash the content of rows (sixteen hex digits), whichever file holds them. Fields in `without` are left out.

    >>> from genprm.records import Message
    >>> content_hash([Message("user", "hi")]) == content_hash([Message("user", "hi")])
    True
    >>> content_hash([Message("user", "hi")], ["role"]) == content_hash([Message("system", "hi")], ["role"])
    True
    """
    dicts = (dataclasses.asdict(row) for row in rows)
    return _hash({name: value for name, value in row.items() if name not in without} for row in dicts)


def table_hash(table: pa.Table) -> str:
    """The content hash of the rows that an Arrow table holds, whatever their record is.

    >>> from genprm.records import Message
    >>> rows = [Message("user", "hi")]
    >>> table_hash(to_table(Message, rows)) == content_hash(rows)
    True
    """
    return _hash(row for part in table.to_batches(ROWS_AT_A_TIME) for row in part.to_pylist())


def _hash(rows: Iterable[Mapping[str, Any]]) -> str:
    return fingerprint(json.dumps(row, sort_keys=True).encode() + b"\n" for row in rows)


def joined_hash(hashes: Sequence[str]) -> str:
    """One content hash for several tables; for a single table, its own hash."""
    return hashes[0] if len(hashes) == 1 else fingerprint(" ".join(hashes))


ROWS_AT_A_TIME = 1024
"""Rows that are turned into columns, or back, at a time: there is never a second copy of all rows."""


def read_rows(record: type[R], path: Path) -> list[R]:
    """Read a Parquet file written by `write_rows`.

    Raises:
        TableError: the file is damaged, is no Parquet file, or its columns are not those of the record.
        OSError: the file is not there or cannot be read.
    """
    expected = schema_of(record)
    try:
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow
            if found.remove_metadata() != expected:
                raise TableError(
                    f"table {str(path)!r} is not a table of {record.__name__}: found columns {found.names}, "
                    f"expected {expected.names} (or the column types differ)"
                )
            parts = file.iter_batches(ROWS_AT_A_TIME)
            return [from_dict(record, row) for part in parts for row in part.to_pylist()]
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (pa.ArrowException, OSError, ValidationError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise TableError(f"table {str(path)!r} is damaged, or is not a Parquet file: {reason}") from error


def write_rows(record: type[R], rows: Sequence[R], path: Path) -> None:
    """Write rows to a Parquet file that appears whole or not at all."""
    with replacing(path) as part, pq.ParquetWriter(part, schema_of(record)) as writer:
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            writer.write_table(to_table(record, rows[start : start + ROWS_AT_A_TIME]))
