"""Print a measurement: one row per way of doing the same work, and the machine it ran on."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

Cell = float | int | str | None
Row = Mapping[str, Cell]

FILE_WIDTH = 120
"""Characters in a line of a table that is not shown in a terminal."""


def machine() -> dict[str, Cell]:
    """The machine in words and numbers: processor, cores this process may use, load of the last minute, Python."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def show(title: str, rows: Sequence[Row], as_json: bool, notes: Sequence[str] = ()) -> None:
    """Print the rows as a table, with `notes` below it; as one JSON object when `as_json`.

    Columns appear in the order in which rows first name them; a cell that a row lacks stays empty.
    """
    if as_json:
        print(json.dumps({"title": title, "machine": machine(), "rows": list(rows), "notes": list(notes)}))
        return
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(title=title)
    for name in columns:
        text = all(isinstance(row.get(name), str | None) for row in rows)
        # Where the terminal is narrow, cells become taller: nothing is cut off.
        table.add_column(name, justify="left" if text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row.get(name)) for name in columns))
    # A file has no width of its own; a terminal does.
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()), markup=False)
    for note in notes:
        console.print(note, markup=False)


def _shown(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.0f}"
    return "" if cell is None else str(cell)
