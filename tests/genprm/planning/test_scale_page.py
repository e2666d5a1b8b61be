"""The tables of docs/scale.md are what the program says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.genprm.planning.scale_table import artifact_lines, lines

PAGE = Path(__file__).parents[3] / "docs" / "scale.md"


@pytest.mark.parametrize("made", [lines, artifact_lines])
def test_the_page_shows_the_table_that_the_program_makes(made: Callable[[], Iterator[str]]) -> None:
    assert "\n".join(made()) in PAGE.read_text()
