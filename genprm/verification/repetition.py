"""Text that goes round in circles: weak models write the same sentence until their tokens run out."""

from __future__ import annotations

SEEN = 4000
"""Characters at the end of a text that are looked at."""
LEAST = 120
"""Fewest characters of all repeats of a passage together: a short rule of dashes is no loop."""


def loop_end(text: str, times: int) -> int | None:
    """Where to cut a text that ends in at least `times` repeats of one passage: behind as many repeats as prove the
    loop. None for a text with another end.

    >>> text = "We add:" + "So the sum of the two numbers is 7 again. " * 9
    >>> text[: loop_end(text, 3)] == "We add:" + "So the sum of the two numbers is 7 again. " * 3
    True
    >>> loop_end("We add:" + "So the sum of the two numbers is 7 again. " * 2, 3) is None
    True
    """
    tail = text[-SEEN:]
    period, length = _repeated(tail[::-1], times)
    if not length:
        return None
    kept = max(times, -(-LEAST // period)) * period
    return len(text) - length + kept


def repeats_itself(text: str) -> bool:
    """Whether a text ends in the same passage twice or more."""
    return loop_end(text, 2) is not None


def _repeated(text: str, times: int) -> tuple[int, int]:
    """Period and length of the longest beginning of a text that repeats itself `times` times; 0, 0 if none does.

    `borders[i]` is the length of the longest border of the first i + 1 characters (Knuth, Morris and Pratt): their
    smallest period is what remains.
    """
    borders = [0] * len(text)
    found = (0, 0)
    for index in range(1, len(text)):
        border = borders[index - 1]
        while border and text[index] != text[border]:
            border = borders[border - 1]
        borders[index] = border + (text[index] == text[border])
        length, period = index + 1, index + 1 - borders[index]
        if length >= max(times * period, LEAST) and text[:period].strip():
            found = (period, length)
    return found
