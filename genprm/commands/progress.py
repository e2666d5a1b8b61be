"""A progress bar on standard error, silent where that is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBar:
    """A progress bar; call it with a number of steps to advance it."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def __call__(self, steps: int) -> None:
        self._bar.advance(self._task, steps)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Hide the bar while something is printed; on a terminal, the bar would redirect it to standard error."""
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[ProgressBar]:
    """A bar of `total` steps."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as bar:
        yield ProgressBar(bar, bar.add_task(what, total=total))
