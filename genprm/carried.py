"""Finished files, carried to a place that outlives the machine (`GENPRM_STORE`) and brought back from there.

The place is an fsspec address, such as `s3://bucket/folder`. Everything is still read and written in the home;
finished files are carried from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genprm.files import replacing
from genprm.recorded_files import hashes_of
from genprm.settings import SettingsError

ADDRESS = "GENPRM_STORE"
"""Environment variable with the address; empty where nothing is carried."""


class CarryError(OSError):
    """The place cannot be read or written; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder at an address. Files appear in it whole or not at all, as object stores have it.

    Raises:
        CarryError: on use, when the place cannot be reached or refuses access.
    """

    address: str

    def put(self, path: Path, name: str) -> None:
        """Carry a file."""
        self._do(lambda files, root: files.put_file(str(path), f"{root}/{name}"))

    def write(self, name: str, content: bytes) -> None:
        """Put some bytes under a name."""
        self._do(lambda files, root: files.pipe_file(f"{root}/{name}", content))

    def read(self, name: str) -> bytes | None:
        """Return the content under a name; None where there is none."""
        try:
            content: bytes = self._do(lambda files, root: files.cat_file(f"{root}/{name}"))
        except FileNotFoundError:
            return None
        return content

    def remove(self, name: str) -> None:
        """Remove what lies under a name."""
        self._do(lambda files, root: files.rm_file(f"{root}/{name}"))

    def get(self, name: str, path: Path) -> None:
        """Bring a file back to `path`.

        Raises:
            FileNotFoundError: it is not there.
        """
        with replacing(path) as part:
            self._do(lambda files, root: files.get_file(f"{root}/{name}", str(part)))

    def names(self, folder: str) -> list[str]:
        """The files under a folder, by their names in this place, sorted."""

        def found(files: Any, root: str) -> list[str]:
            start = len(files._strip_protocol(root)) + 1
            return sorted(path[start:] for path in files.find(f"{root}/{folder}"))

        return list(self._do(found))

    def _do(self, work: Callable[[Any, str], Any]) -> Any:
        import fsspec

        try:
            # No cached listing: another machine may have written since.
            files, root = fsspec.core.url_to_fs(self.address, use_listings_cache=False)
            return work(files, root)
        except FileNotFoundError:
            raise
        except Exception as error:  # each kind of store has errors of its own
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise CarryError(f"{ADDRESS} {self.address!r}: {said}") from error

    def put_recorded(self, root: Path, path: Path, record: Path) -> None:
        """Carry a file or a directory with its record, under their paths in `root`; what is there already is not
        carried again."""
        content, name = record.read_bytes(), record.relative_to(root).as_posix()
        there = self.read(name)
        old, new = ({} if there is None else hashes_of(there)), hashes_of(content)
        changed = [
            path / inside
            for inside, sha256 in new.items()
            if old.get(inside) != sha256 or not self._has(root, path / inside)
        ]
        if changed and there is not None:
            self.remove(name)  # if this is interrupted, the old record must not name files already replaced
        for file in changed:
            self.put(file, file.relative_to(root).as_posix())
        self.write(name, content)

    def get_recorded(self, root: Path, path: Path, record: Path) -> bool:
        """Bring back a file or a directory with its record, if all of it is in the place. Return whether it is."""
        name = record.relative_to(root).as_posix()
        content = self.read(name)
        if content is None:
            return False
        files = [path / inside for inside in hashes_of(content)]
        if not all(self._has(root, file) for file in files):
            return False
        for file in files:
            self.get(file.relative_to(root).as_posix(), file)
        self.get(name, record)
        return True

    def _has(self, root: Path, file: Path) -> bool:
        return bool(self._do(lambda files, place: files.exists(f"{place}/{file.relative_to(root).as_posix()}")))


def place_of(root: Path) -> Place | None:
    """Return the place that the files under `root`, a folder of the home, are carried to; None without a place."""
    address = os.environ.get(ADDRESS, "").rstrip("/")
    return Place(f"{address}/{root.name}") if address else None


def require_place() -> None:
    """Check that the place can be written to, if one is named.

    Raises:
        SettingsError: its kind is not known or not installed, or it cannot be written to.
    """
    address = os.environ.get(ADDRESS, "").rstrip("/")
    if not address:
        return
    if "://" not in address:
        raise SettingsError(f"{ADDRESS} is {address!r}, allowed: an address such as s3://bucket/folder")
    try:
        Place(address).write(".genprm/probe", b"")
    except CarryError as error:
        raise SettingsError(str(error)) from None
    except FileNotFoundError as error:
        allowed = "allowed: a bucket that is there; a folder on disk is shared as GENPRM_HOME"
        raise SettingsError(f"{ADDRESS} {address!r}: {error}; {allowed}") from None
