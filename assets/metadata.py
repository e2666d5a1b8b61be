"""How an artifact is described for people: columns, examples, plots, shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from genprm.results.drawing import png
from genprm.tables import schema_of

EXAMPLES = 3
CELL = 600
"""Characters of a cell in the table of examples."""
PLOT_BYTES = 100_000
"""Plots are stored in the event log; larger ones would slow the UI down."""


def column_schema(record: type[Any]) -> dg.TableSchema:
    """The columns of a record's table."""
    return dg.TableSchema([dg.TableColumn(column.name, str(column.type)) for column in schema_of(record)])


def examples(rows: Sequence[Mapping[str, Any]], count: int = EXAMPLES) -> dg.MarkdownMetadataValue:
    """A few rows as a table that people can read: one column per key."""
    if not rows:
        return dg.MetadataValue.md("(no rows)")
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in columns) + " |" for row in rows[:count]]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    text = _shown(value)
    text = text if len(text) <= CELL else text[: CELL - 3] + "..."
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        between = "\n" if any(isinstance(item, str) for item in value) else ", "
        return between.join(_shown(item) for item in value)
    return str(value)


def plot(draw: Callable[[Any], None], width: float = 5.0, height: float = 3.0) -> dg.MarkdownMetadataValue:
    """A picture for the UI, at a lower resolution where `PLOT_BYTES` requires it; `draw` gets matplotlib axes."""
    pictures = (png(draw, width, height, dpi) for dpi in (80, 50, 30))
    fitting = next((picture for picture in pictures if len(picture) <= PLOT_BYTES), None)
    return dg.MetadataValue.md(
        f"![plot](data:image/png;base64,{fitting})" if fitting else f"(a picture of more than {PLOT_BYTES} bytes)"
    )


def share(part: int, whole: int) -> float:
    """A share in percent; 0 where `whole` is 0."""
    return round(100 * part / whole, 2) if whole else 0.0
