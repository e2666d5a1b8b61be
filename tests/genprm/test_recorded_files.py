"""What files held when they were written: when a look reads their content, and when not."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from genprm.recorded_files import damage, record_files


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each file whose content is read."""
    found: list[int] = []
    digest = hashlib.file_digest

    def counted(stream: Any, kind: str) -> Any:
        found.append(stream.fileno())
        return digest(stream, kind)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return found


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, Path]:
    """A directory with two files, and its record."""
    folder, record = tmp_path / "weights", tmp_path / "records" / "weights.json"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(name * 100)
    record_files(folder, record)
    return folder, record


def test_a_copied_file_is_read_once(recorded: tuple[Path, Path], reads: list[int]) -> None:
    folder, record = recorded
    os.utime(folder / "a", ns=(1, 1))
    assert damage(folder, record) == ""
    assert len(reads) == 1
    assert damage(folder, record) == ""
    assert len(reads) == 1


def test_a_damaged_file_keeps_its_time(recorded: tuple[Path, Path], reads: list[int]) -> None:
    folder, record = recorded
    (folder / "a").write_text("c" * 100)
    os.utime(folder / "a", ns=(1, 1))
    for _ in range(2):
        assert damage(folder, record) == f"{folder / 'a'} is not what was written"
    assert (folder / "a").stat().st_mtime_ns == 1


@pytest.mark.parametrize("number", [errno.EPERM, errno.EROFS])
def test_a_file_that_cannot_be_changed_is_whole_too(
    recorded: tuple[Path, Path], reads: list[int], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    folder, record = recorded
    os.utime(folder / "a", ns=(1, 1))
    monkeypatch.setattr(os, "utime", refuse)
    assert [damage(folder, record), damage(folder, record)] == ["", ""]
    assert len(reads) == 2
