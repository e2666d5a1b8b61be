"""Reports how far a long asset has come, in Dagster's log and to a listener in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import dagster as dg

LOG_LINES = 10
"""Lines in Dagster's log from start to end, unless told otherwise."""


class StepProgress:
    """Writes `lines` log lines at equal distances; calls the `listener` of the process, if set, for every row."""

    listener: ClassVar[Callable[[int, int], None] | None] = None
    """Called with the rows finished and the rows in all."""

    def __init__(self, lines: int = LOG_LINES) -> None:
        self._lines = lines

    def of(self, context: dg.AssetExecutionContext, total: int) -> Callable[[int], None]:
        """A callback for one step of `total` items, to be called with how many more are finished."""
        finished = last = 0

        def advance(items: int) -> None:
            nonlocal finished, last
            finished += items
            if StepProgress.listener is not None:
                StepProgress.listener(finished, total)
            line = self._lines * finished // total if total else self._lines
            if line > last:
                last = line
                context.log.info(f"{finished} of {total}")

        advance(0)
        return advance
