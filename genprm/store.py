"""The tables of one profile on disk: `GENPRM_HOME/<profile>/tables/<asset>/<partition>.parquet`.

Each file that is written is recorded under `records/`, and a file that no longer matches its record is not read.
Where `GENPRM_STORE` names a place, finished partitions and journals are carried there (`genprm.carried`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from genprm.carried import place_of
from genprm.carried_journal import CarriedJournal
from genprm.files import write_text
from genprm.journal import Journal
from genprm.recorded_files import damage, hashes_of, record_files
from genprm.settings import home
from genprm.tables import TableError, read_rows, write_rows

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


class DamagedFile(TableError):  # noqa: N818  says what it is
    """Something on disk is no longer what was written; the message names it."""


class VersionNote(BaseModel):
    """Which content the files of one partition hold, which files (or directories) those are, and the SHA-256 of
    each file; paths inside the profile's folder.

    Partitions from before files were recorded have no `files`; those from before hashes were kept have no `hashes`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    files: tuple[str, ...] = ()
    hashes: Mapping[str, str] = {}


NO_NOTE = VersionNote(version="")


@dataclass(frozen=True, slots=True)
class TableStore:
    """Tables under one folder. Parts of a partition key become folders: `0-of-2|main` is `0-of-2/main.parquet`."""

    root: Path

    def path(self, name: str, partition: str | None = None) -> Path:
        """Where a table lies, written or not."""
        return self.root / "tables" / name / f"{_file(partition)}.parquet"

    def write(self, record: type[R], name: str, rows: Sequence[R], partition: str | None = None) -> None:
        """Replace a table atomically, and record what was written."""
        path = self.path(name, partition)
        write_rows(record, rows, path)
        self.record(path)

    def read(self, record: type[R], name: str, partition: str | None = None) -> list[R]:
        """The rows of a table.

        Raises:
            MissingTable: it was never written.
            DamagedFile: it is not what was written.
            TableError: it cannot be read as a table of such records.
        """
        path = self.path(name, partition)
        of = f"table {name!r}" + (f" partition {partition!r}" if partition else "")
        if not path.is_file():
            raise MissingTable(f"{of} is not there: materialize it first ({path})")
        self.require_whole(path, of)
        return read_rows(record, path)

    def _record(self, path: Path) -> Path:
        inside = path.relative_to(self.root)
        return self.root / "records" / inside.with_name(f"{inside.name}.json")

    def record(self, path: Path) -> None:
        """Record what a file or directory of this store holds, now that it is complete."""
        record_files(path, self._record(path))

    def damage(self, path: Path, verify: bool = False) -> str:
        """Say what is wrong with a file or directory of this store according to its record; empty where nothing is.

        With `verify` the content of every file is read.
        """
        return damage(path, self._record(path), verify)

    def require_whole(self, path: Path, of: str) -> None:
        """Refuse a file or directory that is no longer what was written; `of` names it in the message.

        Raises:
            DamagedFile: it is damaged.
        """
        if found := self.damage(path):
            raise DamagedFile(f"{of} is damaged: {found}; genprm run makes it again")

    def folder(self, *parts: str) -> Path:
        """A directory beside the tables, made when it is not there."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def journal(self, name: str, partition: str | None = None) -> Journal:
        """The journal of finished rows behind a table."""
        inside, place = f"journal/{name}/{_file(partition)}.jsonl", place_of(self.root)
        return Journal(self.root / inside) if place is None else CarriedJournal(self.root / inside, place, inside)

    def _note(self, name: str, partition: str | None) -> Path:
        return self.root / "versions" / name / _file(partition)

    def note_version(self, name: str, partition: str | None, version: str, files: Sequence[Path] = ()) -> None:
        """Record the version of an artifact's content and the files that hold it, once they are complete. If there
        is a place, the files are carried there, the note last."""
        inside = tuple(path.relative_to(self.root).as_posix() for path in files)
        written = VersionNote(version=version, files=inside, hashes=self._hashes(inside))
        note = self._note(name, partition)
        write_text(note, written.model_dump_json() + "\n")
        if (place := place_of(self.root)) is not None:
            for path in files:
                place.put_recorded(self.root, path, self._record(path))
            place.put(note, note.relative_to(self.root).as_posix())

    def _hashes(self, files: Iterable[str]) -> dict[str, str]:
        """The SHA-256 of each file by the records, under its path in this store."""
        found: dict[str, str] = {}
        for name in files:
            record = self._record(self.root / name)
            hashes = hashes_of(record.read_bytes()) if record.is_file() else {}
            found |= {(Path(name) / inside).as_posix(): sha256 for inside, sha256 in hashes.items()}
        return found

    def unlike(self, note: VersionNote) -> str:
        """Say which file is recorded with another content than the note says; empty where none is.

        Files and their records are replaced before the note: a run that was interrupted in between leaves the new
        files under the old note.

        Raises:
            ValidationError: a record cannot be read. `damage` reports that too, so call it first.
        """
        recorded = self._hashes(note.files) if note.hashes else note.hashes
        names = sorted(recorded.keys() | note.hashes.keys())
        other = next((name for name in names if recorded.get(name) != note.hashes.get(name)), None)
        return f"{self.root / other} was replaced by a run that did not finish" if other else ""

    def bring(self, name: str, partition: str | None, version: str) -> bool:
        """Bring the files of an artifact back from the place. Return whether they are here now, in this version."""
        place, note = place_of(self.root), self._note(name, partition)
        inside = note.relative_to(self.root).as_posix()
        there = None if place is None else place.read(inside)
        if place is None or there is None or VersionNote.model_validate_json(there).version != version:
            return False
        for file in VersionNote.model_validate_json(there).files:
            if not place.get_recorded(self.root, self.root / file, self._record(self.root / file)):
                return False
        place.get(inside, note)
        return not self.unlike(self.note(name, partition))

    def note(self, name: str, partition: str | None = None) -> VersionNote:
        """What was recorded last; an empty note when there is none.

        Raises:
            DamagedFile: there is one that cannot be read.
        """
        path = self._note(name, partition)
        if not path.is_file():
            return NO_NOTE
        try:
            text = path.read_text(encoding="utf-8")
            # Before files were recorded, a note was the version and nothing else.
            return VersionNote.model_validate_json(text) if text.startswith("{") else VersionNote(version=text)
        except (UnicodeDecodeError, ValidationError):
            raise DamagedFile(f"{path} is no version note") from None

    def version(self, name: str, partition: str | None = None) -> str:
        """The content recorded last; empty when there is none.

        Raises:
            DamagedFile: as `note`.
        """
        return self.note(name, partition).version


class UndeclaredInputError(PermissionError):
    """An artifact reads what it did not declare as an input: a change of that would not make it stale."""


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
