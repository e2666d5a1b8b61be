"""Pictures in the UI."""

from __future__ import annotations

import base64
import struct
from typing import Any

import numpy as np
import pytest

from assets.metadata import PLOT_BYTES, examples, plot

START = "![plot](data:image/png;base64,"


def picture(markdown: str | None) -> bytes:
    assert markdown is not None
    assert markdown.startswith(START)
    return base64.b64decode(markdown.removeprefix(START).removesuffix(")"))


def width(png: bytes) -> int:
    """Pixels, from the header of the file."""
    assert png.startswith(b"\x89PNG")
    return int(struct.unpack(">I", png[16:20])[0])


def noise(axes: Any) -> None:
    """Something that hardly compresses."""
    axes.imshow(np.random.default_rng(0).random((600, 600)))


def test_a_picture_is_as_wide_as_was_asked_for() -> None:
    assert width(picture(plot(lambda axes: axes.plot([1, 2]), 5.0, 3.0).value)) == 5.0 * 80


@pytest.mark.parametrize("height", [3.0, 4.0])
def test_a_picture_that_is_too_large_for_the_event_log_is_drawn_coarser(height: float) -> None:
    shown = plot(noise, 7.0, height).value
    assert shown is not None
    assert len(shown) <= PLOT_BYTES + len(START) + 1
    assert width(picture(shown)) < 7.0 * 80


def test_what_is_too_large_in_any_case_is_said_in_words() -> None:
    assert plot(noise, 30.0, 30.0).value == f"(a picture of more than {PLOT_BYTES} bytes)"


def test_examples_are_one_markdown_row_each_whatever_they_contain() -> None:
    table = examples([{"steps": ["a | b", "c\nd"], "rewards": [0.123456, 1.0]}]).value
    assert table == "| steps | rewards |\n|---|---|\n| a \\| b<br>c<br>d | 0.123, 1 |"
