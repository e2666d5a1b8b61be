"""The table of docs/scale.md is what the program says."""

from __future__ import annotations

from pathlib import Path

from tests.genprm.planning.scale_table import lines

PAGE = Path(__file__).parents[3] / "docs" / "scale.md"


def test_the_page_shows_the_table_that_the_program_makes() -> None:
    assert "\n".join(lines()) in PAGE.read_text()
