"""Whose end is told when processes that train together fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing import ProcessFailure

from genprm.training.process import INTERRUPTED, WRONG_MODEL
from genprm.training.processes import report, to_blame


def ended(rank: int, code: int) -> ProcessFailure:
    return ProcessFailure(local_rank=rank, pid=100 + rank, exitcode=code, error_file="")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    place = tmp_path / "run" / "attempt_0" / "1"
    place.mkdir(parents=True)
    (place / "stdout.log").write_text("10 conversations\nmodel 'x' cannot be loaded\n")
    (place / "stderr.log").write_text("\n".join(str(n) for n in range(100)))
    return tmp_path


def test_one_that_was_killed_is_to_blame_for_those_that_lost_their_connection() -> None:
    assert [one.local_rank for one in to_blame([ended(0, 1), ended(2, 1), ended(1, -9)])] == [1]
    assert [one.local_rank for one in to_blame([ended(2, 1), ended(0, 1)])] == [0, 2]


def test_one_that_was_told_to_end_is_not_alone_to_blame() -> None:
    assert [one.local_rank for one in to_blame([ended(0, -15), ended(1, 1)])] == [0, 1]


def test_the_process_is_named_and_its_last_lines_follow(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report([ended(1, -9)], 2, logs) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "process 1 of 2 ended by signal 9 (SIGKILL), and the others with it; its last lines:"
    assert rest == ["10 conversations", "model 'x' cannot be loaded", *map(str, range(92, 100))]


def test_the_first_speaks_for_itself(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report([ended(0, 1)], 2, logs) == 1
    assert (
        capsys.readouterr().out
        == "process 0 of 2 ended with status 1, and the others with it; its last lines are above\n"
    )


@pytest.mark.parametrize("status", [WRONG_MODEL, INTERRUPTED])
def test_an_end_that_has_a_meaning_keeps_it(status: int, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "run" / "attempt_0" / "1" / "stderr.log").unlink()
    assert report([ended(1, status)], 2, logs) == status
    assert capsys.readouterr().out == "model 'x' cannot be loaded\n"
    assert report([ended(0, status)], 2, logs) == status
    assert capsys.readouterr().out == ""
