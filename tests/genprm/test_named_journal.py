"""A journal that a user names: what is no journal is left alone, and two do not share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.data_sets.rows import InputError
from genprm.journal import JournalError
from genprm.named_journal import open_journal


def test_what_is_no_journal_is_left_as_it_is(tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"problem": "1 + 1?"}\n')
    with pytest.raises(InputError, match=r"problems\.jsonl' is another file, allowed: a new one, or a journal$"):
        open_journal(problems)
    assert problems.read_text() == '{"problem": "1 + 1?"}\n'
    with pytest.raises(InputError, match=r"cannot be opened: Is a directory$"):
        open_journal(tmp_path)


def test_two_runs_do_not_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "steps.jsonl"
    with open_journal(path), pytest.raises(JournalError, match="in use by another process"):
        open_journal(path)
    path.write_bytes(b'{"key": "a", "val')  # torn by a kill
    with open_journal(path) as journal:
        assert len(journal) == 0
