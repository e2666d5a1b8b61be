"""A disk without room is told from other errors, however it is reported."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from genprm.full_disk import full_disk
from genprm.settings import SettingsError, usable_home


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path))
    return tmp_path


def behind(cause: BaseException) -> BaseException:
    """An error of a library, raised from another."""
    error = RuntimeError("a run could not be stored")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_failed_write_says_so(code: int, home: Path) -> None:
    line = f"the disk of {home} is full; what was finished is kept: make room and call again"
    assert full_disk(OSError(code, "no room")) == line
    assert full_disk(behind(OSError(code, "no room"))) == line


def test_sqlite_is_believed_where_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    error = behind(sqlite3.OperationalError("disk I/O error"))
    assert full_disk(error) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    assert full_disk(error) is not None
    assert full_disk(ValueError("a fault of the code")) is None


def test_a_home_that_cannot_be_written_to_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_home() == home
    assert list(home.iterdir()) == []
    (home / "file").touch()
    for place in (home / "file", home / "file" / "inside"):
        monkeypatch.setenv("GENPRM_HOME", str(place))
        with pytest.raises(SettingsError, match=r"GENPRM_HOME is '.*file.*': .*, allowed: a directory that can be"):
            usable_home()
