"""What `genprm run` shows: bars on a terminal, a line per finished partition elsewhere."""

from __future__ import annotations

import logging
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from orchestration.staleness import Node


class LineDisplay:
    """One line for each partition that was made or could not be made."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._settled = 0

    def waits(self, node: Node, parent: Node) -> None:
        """Say that a stale partition is left alone, and why."""
        self._line(f"{node} waits for {parent}, which genprm run makes")

    def begin(self, total: int) -> None:
        self._total = total

    def started(self, node: Node, why: str) -> None:
        """Print nothing: only finished partitions get a line."""

    def advanced(self, node: Node, finished: int, total: int) -> None:
        """Print nothing."""

    def fresh(self, node: Node) -> None:
        self._settled += 1

    def again(self, node: Node, error: str, tries: str) -> None:
        """Say that a partition has to begin again, and which try that is."""
        self._line(f"{node}  {error}; finished rows are kept, {tries}")

    def finished(self, node: Node, seconds: float) -> None:
        self._settled += 1
        self._line(f"[{self._settled}/{self._total}] {node}  {seconds:.1f} s")

    def failed(self, node: Node, error: str) -> None:
        self._settled += 1
        self._line(f"[{self._settled}/{self._total}] {node}  failed: {error}")

    def awaits_state(self, node: Node) -> None:
        """Say that an interrupted training is waited for."""
        self._line(f"{node} saves the state of its training, which is waited for; another interrupt does not wait")

    def end(self) -> None:
        """Nothing is left to close."""

    def _line(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


class MadeOne(NamedTuple):
    """A partition that was made, why, and how long it took."""

    node: Node
    why: str
    seconds: float


class LogDisplay(LineDisplay):
    """The same lines in the log of a step; finished partitions are kept in `made`."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(Console(quiet=True))
        self._log = log
        self._why: dict[Node, str] = {}
        self.made: list[MadeOne] = []

    def started(self, node: Node, why: str) -> None:
        self._why[node] = why
        self._log.info(f"{node}: {why}")

    def finished(self, node: Node, seconds: float) -> None:
        self.made.append(MadeOne(node, self._why[node], seconds))
        super().finished(node, seconds)

    def _line(self, text: str) -> None:
        self._log.info(text)


class BarDisplay(LineDisplay):
    """The same lines, and below them a bar for all partitions and one for each in hand."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._all: TaskID | None = None
        self._bars: dict[Node, TaskID] = {}

    def begin(self, total: int) -> None:
        super().begin(total)
        self._all = self._progress.add_task("partitions", total=total)
        self._progress.start()

    def started(self, node: Node, why: str) -> None:
        self._bars[node] = self._progress.add_task(escape(str(node)), total=None)

    def advanced(self, node: Node, finished: int, total: int) -> None:
        self._progress.update(self._bars[node], completed=finished, total=total)

    def fresh(self, node: Node) -> None:
        super().fresh(node)
        self._step()

    def again(self, node: Node, error: str, tries: str) -> None:
        self._remove(node)
        super().again(node, error, tries)

    def finished(self, node: Node, seconds: float) -> None:
        self._remove(node)
        super().finished(node, seconds)
        self._step()

    def failed(self, node: Node, error: str) -> None:
        self._remove(node)
        super().failed(node, error)
        self._step()

    def end(self) -> None:
        self._progress.stop()

    def _remove(self, node: Node) -> None:
        self._progress.remove_task(self._bars.pop(node))

    def _step(self) -> None:
        assert self._all is not None
        self._progress.advance(self._all)


def display_for(console: Console) -> LineDisplay:
    """Bars on a terminal, lines elsewhere."""
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)
