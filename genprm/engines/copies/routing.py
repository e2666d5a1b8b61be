"""The choice of a copy of a model for a prompt: the copy that has read most of it, as long as work stays even."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

BLOCK = 64
"""Characters in a block; beginnings of prompts are compared in whole blocks."""
SLACK = 8
"""Samples that a copy may have beyond 1.25 times those of the least busy one, and still be sent what it knows."""
REMEMBERED = 200_000
"""Beginnings remembered; the least recently used go first."""


class PrefixRouter:
    """Sends a prompt to the copy that read at least half of it before, or else to the one with the least to do.

    A copy that is far busier than another is sent nothing, whatever it knows. The router remembers which copy a
    beginning went to last, not whether that copy still has its keys and values.

    >>> router = PrefixRouter()
    >>> story = "Sam has 5 keys. " * 20
    >>> router.choose(story, [1, 0]), router.choose(story + "Tom has none.", [3, 2]), router.choose("Tom", [3, 4])
    (1, 1, 0)
    """

    def __init__(self) -> None:
        self._known: OrderedDict[int, int] = OrderedDict()

    def choose(self, prompt: str, loads: Sequence[float]) -> int:
        """Return the number of a copy; `loads` are the samples that each one works on, infinity for a dead one."""
        beginnings = _beginnings(prompt)
        known = [number for beginning in beginnings if (number := self._known.get(beginning)) is not None]
        chosen = min(range(len(loads)), key=loads.__getitem__)
        if 2 * len(known) >= len(beginnings) > 0:
            knowing = known[-1]
            chosen = knowing if loads[knowing] <= loads[chosen] * 1.25 + SLACK else chosen
        for beginning in beginnings:
            self._known[beginning] = chosen
            self._known.move_to_end(beginning)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return chosen


def _beginnings(prompt: str) -> list[int]:
    """A hash of each beginning of the prompt that is a whole number of blocks."""
    hashes, last = [], 0
    for end in range(BLOCK, len(prompt) + 1, BLOCK):
        last = hash((last, prompt[end - BLOCK : end]))
        hashes.append(last)
    return hashes
