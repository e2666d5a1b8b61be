"""Tables on disk: what is written is read back, and nothing half-written is ever seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.records import Message, Problem, TrainingExample
from genprm.store import MissingTable, TableStore

ROWS = [TrainingExample("a", [Message("user", "1 | 2 < 3"), Message("assistant", "Ja, é")])]


def test_round_trip_with_partition_folders(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write(TrainingExample, "training_set", ROWS, "main|full")
    assert store.read(TrainingExample, "training_set", "main|full") == ROWS
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(files) == [
        "records/tables/training_set/main/full.parquet.json",
        "tables/training_set/main/full.parquet",
    ]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingTable, match="'solutions' partition '0-of-2'"):
        TableStore(tmp_path).read(Problem, "solutions", "0-of-2")


def test_versions_are_kept_per_partition(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.note_version("labels", "0-of-2|main", "abc")
    assert store.version("labels", "0-of-2|main") == "abc"
    assert store.version("labels", "1-of-2|main") == ""
