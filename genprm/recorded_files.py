"""What files held when they were written, so that damage is seen before anything is made from them.

Size and time of change are compared first. Where only the time differs, or where the caller asks for it, the
content decides: a home that was copied is whole although every time in it is new. A file that proves to be whole
gets its recorded time back, so that it is read once and not at every check.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from genprm.files import write_text


class RecordedFile(BaseModel):
    """One file as it was written: bytes, time of change in nanoseconds, SHA-256 of the content."""

    model_config = ConfigDict(frozen=True)

    size: int
    modified: int
    sha256: str


_RECORD = TypeAdapter(dict[str, RecordedFile])


def record_files(path: Path, record: Path) -> None:
    """Write to `record` what the file `path`, or each file in the directory `path`, holds now.

    Raises:
        OSError: a file cannot be read, or the record not written.
    """
    files = {name: _recorded(file) for name, file in _files(path).items()}
    write_text(record, _RECORD.dump_json(files, indent=1).decode() + "\n")


def hashes_of(record: bytes) -> dict[str, str]:
    """The SHA-256 of each file that a record names, by its path in the directory; of a single file under an empty
    name.

    Raises:
        ValidationError: it is no record.
    """
    return {name: file.sha256 for name, file in _RECORD.validate_json(record).items()}


def damage(path: Path, record: Path, verify: bool = False) -> str:
    """Say what is wrong with the file or directory `path` according to its `record`; empty where nothing is.

    Without a record, only a missing path counts as damage. Additional files in a directory are no damage.

    Args:
        verify: compare the content of every file, also where size and time are as recorded.

    Raises:
        OSError: a file cannot be read.
    """
    if not path.exists():
        return f"{path} is gone"
    if not record.is_file():
        return ""
    try:
        files = _RECORD.validate_json(record.read_bytes())
    except ValidationError:
        return f"{record} is no record of files"
    for name, recorded in files.items():
        file = path / name if name else path
        if not file.is_file():
            return f"{file} is gone"
        if not _is_as_recorded(file, recorded, verify):
            return f"{file} is not what was written"
    return ""


def _is_as_recorded(file: Path, recorded: RecordedFile, verify: bool) -> bool:
    state = file.stat()
    if state.st_size != recorded.size:
        return False
    if state.st_mtime_ns == recorded.modified and not verify:
        return True
    with file.open("rb") as stream:
        same = hashlib.file_digest(stream, "sha256").hexdigest() == recorded.sha256
        if same and state.st_mtime_ns != recorded.modified:
            with suppress(OSError):  # another user's, or on a read-only disk: it is read again at the next check
                # By its descriptor: another file may have taken its place meanwhile.
                os.utime(stream.fileno(), ns=(state.st_atime_ns, recorded.modified))
    return same


def _files(path: Path) -> Mapping[str, Path]:
    if path.is_file():
        return {"": path}
    return {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}


def _recorded(file: Path) -> RecordedFile:
    state = file.stat()
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return RecordedFile(size=state.st_size, modified=state.st_mtime_ns, sha256=sha256)
