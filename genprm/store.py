"""The tables of one profile on disk: `GENPRM_HOME/<profile>/tables/<asset>/<partition>.parquet`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from genprm.files import write_text
from genprm.journal import Journal
from genprm.settings import home
from genprm.tables import read_rows, write_rows

R = TypeVar("R")

ONLY = "all"
"""Partition name of a table that has only one."""


def partition_key(*parts: str) -> str:
    """The key of a partition with several dimensions, as Dagster writes it: dimensions in alphabetical order.

    >>> partition_key("0-of-2", "main")
    '0-of-2|main'
    """
    return "|".join(parts)


class MissingTable(FileNotFoundError):  # noqa: N818  says what it is
    """A table was never written."""


@dataclass(frozen=True, slots=True)
class TableStore:
    """Tables under one folder. Parts of a partition key become folders: `0-of-2|main` is `0-of-2/main.parquet`."""

    root: Path

    def path(self, name: str, partition: str | None = None) -> Path:
        """Where a table lies, written or not."""
        return self.root / "tables" / name / f"{_file(partition)}.parquet"

    def write(self, record: type[R], name: str, rows: Sequence[R], partition: str | None = None) -> None:
        """Replace a table atomically."""
        write_rows(record, rows, self.path(name, partition))

    def read(self, record: type[R], name: str, partition: str | None = None) -> list[R]:
        """The rows of a table.

        Raises:
            MissingTable: it was never written.
        """
        path = self.path(name, partition)
        if not path.is_file():
            of = f" partition {partition!r}" if partition else ""
            raise MissingTable(f"table {name!r}{of} is not there: materialize it first ({path})")
        return read_rows(record, path)

    def folder(self, *parts: str) -> Path:
        """A directory beside the tables, made when it is not there."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def journal(self, name: str, partition: str | None = None) -> Journal:
        """The journal of finished rows behind a table."""
        return Journal(self.root / "journal" / name / f"{_file(partition)}.jsonl")

    def _note(self, name: str, partition: str | None) -> Path:
        return self.root / "versions" / name / _file(partition)

    def note_version(self, name: str, partition: str | None, version: str) -> None:
        """Record which content the files of an artifact hold, once they are complete."""
        write_text(self._note(name, partition), version)

    def version(self, name: str, partition: str | None = None) -> str:
        """The content recorded last; empty when there is none."""
        path = self._note(name, partition)
        return path.read_text() if path.is_file() else ""


class UndeclaredInputError(PermissionError):
    """An artifact reads what it did not declare as an input: its staleness would not follow."""


@dataclass(frozen=True, slots=True)
class DeclaredStore(TableStore):
    """The tables as one artifact sees them: it reads its declared inputs and itself, and nothing else."""

    artifact: str
    readable: frozenset[str]

    def read(self, record: type[R], name: str, partition: str | None = None) -> list[R]:
        """The rows of a table.

        Raises:
            MissingTable: it was never written.
            UndeclaredInputError: the artifact did not declare it.
        """
        self._check(name)
        return TableStore.read(self, record, name, partition)

    def folder(self, *parts: str) -> Path:
        """A directory beside the tables, made when it is not there.

        Raises:
            UndeclaredInputError: it is another artifact's, which was not declared.
        """
        self._check(parts[0])
        return TableStore.folder(self, *parts)

    def _check(self, name: str) -> None:
        if name not in self.readable:
            raise UndeclaredInputError(
                f"artifact {self.artifact!r} reads {name!r}, declared inputs: {', '.join(sorted(self.readable))}"
            )


def _file(partition: str | None) -> str:
    return ONLY if partition is None else partition.replace("|", "/")


def profile_store(profile: str) -> TableStore:
    """The tables of a profile in this home."""
    return TableStore(home() / profile)
