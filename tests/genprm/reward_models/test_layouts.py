"""Marks behind steps: always the token asked for, whatever the text around it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.engines.base import EngineError
from genprm.reward_models.layouts import blank_breaks, marked_lines, marked_pieces, single_line
from genprm.reward_models.skywork import skywork_rows


def test_a_mark_does_not_merge_with_the_text_before_it(skywork: Any) -> None:
    tokenizer = skywork.tokenizer
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    written = tokenizer("Step 1:.\n\n", add_special_tokens=False)["input_ids"]
    assert newline not in written, "tokenised with the text, the newline is part of another token"

    row = marked_pieces(tokenizer, "", ["Step 1:.\n"], newline)
    assert row.ids[row.marks[0]] == newline


def test_lines_keep_the_breaks_between_them(math_shepherd: Any) -> None:
    tokenizer = math_shepherd.tokenizer
    row = marked_lines(tokenizer, "m", ["Step 1: a", "Step 2: b"], mark=7)
    without = [token for position, token in enumerate(row.ids) if position not in row.marks]
    assert without == tokenizer("Step 1: a\nStep 2: b")["input_ids"]
    assert [row.ids[mark] for mark in row.marks] == [7, 7]
    assert row.marks[-1] == len(row.ids) - 1


def test_a_tokenizer_that_merges_line_ends_is_refused(skywork: Any) -> None:
    with pytest.raises(EngineError, match="a token reaches over the end of a line"):
        marked_lines(skywork.tokenizer, "m", ["Step 1:.", "", "x"], mark=7)


@given(text=st.text())
def test_a_single_line_has_no_line_break(text: str) -> None:
    assert "\n" not in single_line(text)
    assert "\n" not in blank_breaks(text)


@pytest.mark.parametrize("steps", [["One.", "Two."], ["So\n  x = 2.", "a\n\nb \n c"]])
def test_skywork_reads_what_its_authors_prepare(skywork: Any, steps: list[str]) -> None:
    """`prepare_input` of skywork-o1-prm-inference, with each line break of a step replaced by a blank before."""
    tokenizer = skywork.tokenizer
    ids = tokenizer.encode(f"{tokenizer.bos_token}1 + 1?\n", add_special_tokens=False)
    newline = tokenizer.encode("\n", add_special_tokens=False)[-1]
    marks = []
    for step in steps:
        ids += tokenizer.encode(step.replace("\n", " "), add_special_tokens=False)
        marks.append(len(ids))
        ids.append(newline)
    (row,) = skywork_rows(tokenizer, "1 + 1?", steps)
    assert (row.ids, row.marks) == (ids, marks)
