"""Records as tables: Arrow schemas, Parquet files, and a hash of what rows say.

A table is a Parquet file with one row per record; its columns are the record's fields in order. Lists of steps,
scores and labels are list columns.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

R = TypeVar("R")

_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def _arrow_type(annotation: Any) -> pa.DataType:
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin = typing.get_origin(annotation)
    if origin is list:
        return pa.list_(_arrow_type(typing.get_args(annotation)[0]))
    if _is_word(annotation):
        return pa.string()
    if origin is types.UnionType:
        return _arrow_type(_without_none(annotation))
    if dataclasses.is_dataclass(annotation):
        return pa.struct(list(schema_of(typing.cast(type, annotation))))
    raise TypeError(f"no column type for {annotation!r}")


def _is_word(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, StrEnum)


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


def _without_none(annotation: Any) -> Any:
    (inner,) = (one for one in typing.get_args(annotation) if one is not type(None))
    return inner


def _from_value(annotation: Any, value: Any) -> Any:
    if value is None or annotation in _SCALARS:
        return value
    origin = typing.get_origin(annotation)
    if origin is types.UnionType:
        return _from_value(_without_none(annotation), value)
    if origin is list:
        inner = typing.get_args(annotation)[0]
        return [_from_value(inner, item) for item in value]
    if _is_word(annotation):
        return annotation(value)
    if dataclasses.is_dataclass(annotation):
        return from_dict(typing.cast(type, annotation), value)
    return value


def from_dict(record: type[R], row: dict[str, Any]) -> R:
    """A record from what `dataclasses.asdict` made of it (or from the same as JSON)."""
    hints = typing.get_type_hints(record)
    return record(**{name: _from_value(hints[name], row[name]) for name in hints})


def content_hash(rows: Iterable[Any], without: Sequence[str] = ()) -> str:
    """Sixteen hex digits of what rows say, whatever wrote them and in whichever file; fields in `without` aside.

    >>> from genprm.records import Message
    >>> content_hash([Message("user", "hi")]) == content_hash([Message("user", "hi")])
    True
    >>> content_hash([Message("user", "hi")], ["role"]) == content_hash([Message("system", "hi")], ["role"])
    True
    """
    digest = hashlib.sha256()
    for row in rows:
        values = {name: value for name, value in dataclasses.asdict(row).items() if name not in without}
        digest.update(json.dumps(values, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()[:16]


def joined_hash(hashes: Sequence[str]) -> str:
    """One content hash for several tables; that of a single table is its own."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:16]


ROWS_AT_A_TIME = 1024
"""Rows that are turned into columns, or back, together: there is never a second copy of them all."""


def read_rows(record: type[R], path: Path) -> list[R]:
    """Read a Parquet file written by `write_rows`.

    Raises:
        ValueError: a column is missing or of another type; the message names the record.
    """
    expected = schema_of(record)
    with pq.ParquetFile(path) as file:
        found = file.schema_arrow
        if found.remove_metadata() != expected:
            raise ValueError(
                f"table is not a table of {record.__name__}: found columns {found.names}, "
                f"expected {expected.names} (or the column types differ)"
            )
        parts = file.iter_batches(ROWS_AT_A_TIME)
        return [from_dict(record, row) for part in parts for row in part.to_pylist()]


def write_rows(record: type[R], rows: Sequence[R], path: Path) -> None:
    """Write rows to a Parquet file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with pq.ParquetWriter(part, schema_of(record)) as writer:
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            writer.write_table(to_table(record, rows[start : start + ROWS_AT_A_TIME]))
    part.replace(path)
