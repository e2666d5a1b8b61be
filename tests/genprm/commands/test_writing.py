"""Where commands are told to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.commands.writing import check_output
from genprm.data_sets.rows import InputError


def test_a_place_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "deep" / "new"
    old.write_text("old")
    check_output(old)
    check_output(new)
    assert old.read_text() == "old"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "old"]


@pytest.mark.parametrize("place", [".", "old/new"])
def test_a_place_where_nothing_can_be_written_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(InputError, match="cannot be written: ") as refused:
        check_output(tmp_path / place)
    assert len(str(refused.value).splitlines()) == 1
