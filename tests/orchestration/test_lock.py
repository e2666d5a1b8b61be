"""One run at a time in a home, and any number of those who look whether there is one."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path

import pytest

from orchestration import lock
from orchestration.lock import AnotherRun, run_in_progress, run_lock


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.0)


def test_a_home_is_for_one_run_at_a_time(home: Path) -> None:
    assert not run_in_progress()
    with run_lock():
        assert run_in_progress()
        with pytest.raises(AnotherRun, match=f"another genprm run is in progress in {home}"), run_lock():
            pass
    assert not run_in_progress()


def test_a_run_begins_although_somebody_is_looking(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 60.0)
    home.mkdir()
    with (home / "run.lock").open("a+") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda _: looker.close())
        with run_lock():
            assert looker.closed, "it was not waited for"
            assert run_in_progress()


def test_who_looks_is_not_taken_for_a_run_by_another_one(home: Path) -> None:
    home.mkdir()
    with (home / "run.lock").open("a+") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        assert not run_in_progress()
