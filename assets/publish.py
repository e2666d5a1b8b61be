"""How an artifact is published: checked, written, versioned by content, and described for people.

Integrity checks come before anything is written: when one fails, the step reports the failed check and stops, and
nothing downstream sees the rows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pyarrow as pa

from genprm.results.drawing import png
from genprm.store import TableStore
from genprm.tables import content_hash, schema_of

OWNERS = ("team:genprm",)
EXAMPLES = 3
CELL = 600
"""Characters of a cell in the table of examples."""
PLOT_BYTES = 100_000
"""Plots lie in the event log; larger ones would slow the UI down."""

Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]
MetadataValues = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true of an artifact. A failed integrity check stops the step; another one warns."""

    name: str
    description: str
    integrity: bool = True

    def spec(self, asset: str, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetCheckSpec:
        """Its definition; that of a partitioned artifact has its `partitions`, or the UI shows no result."""
        return dg.AssetCheckSpec(
            self.name,
            asset=asset,
            description=self.description,
            blocking=self.integrity,
            partitions_def=partitions,
        )

    def result(self, passed: bool, **metadata: Any) -> dg.AssetCheckResult:
        """Its outcome; `metadata` says what was found."""
        severity = dg.AssetCheckSeverity.ERROR if self.integrity else dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(check_name=self.name, passed=bool(passed), severity=severity, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to be written under a name and a partition."""

    record: type[Any]
    name: str
    partition: str | None
    rows: Sequence[Any]
    without: tuple[str, ...] = ()
    """Fields that are no news when they alone change: what follows from the rows stays as it is."""


@dataclass(slots=True)
class Clock:
    """Seconds since it was made."""

    started: float = field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        return round(time.perf_counter() - self.started, 3)


def publish(
    context: dg.AssetExecutionContext,
    store: TableStore,
    tables: Sequence[Table],
    checks: Sequence[dg.AssetCheckResult],
    metadata: MetadataValues,
) -> Events:
    """Check, write and announce. The first table is the artifact's own; the others go with it.

    Raises:
        dagster.Failure: an integrity check failed; nothing was written.
    """
    yield from stop_if_broken(context, checks)
    main = tables[0]
    for table in tables:
        store.write(table.record, table.name, table.rows, table.partition)
    hashes = [content_hash(table.rows, table.without) for table in tables]
    version = hashes[0] if len(hashes) == 1 else _joined(hashes)
    yield announce(
        context,
        store,
        version,
        checks,
        {
            "dagster/row_count": len(main.rows),
            "dagster/column_schema": column_schema(main.record),
            "dagster/uri": str(store.path(main.name, main.partition)),
            **metadata,
        },
    )


def announce(
    context: dg.AssetExecutionContext,
    store: TableStore,
    version: str,
    checks: Sequence[dg.AssetCheckResult],
    metadata: MetadataValues,
) -> dg.MaterializeResult[Any]:
    """The materialization of an artifact whose files are complete and hold content `version`."""
    name = context.asset_key.to_user_string()
    store.note_version(name, context.partition_key if context.has_partition_key else None, version)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version), check_results=list(checks), metadata=dict(metadata)
    )


def stop_if_broken(context: dg.AssetExecutionContext, checks: Sequence[dg.AssetCheckResult]) -> Events:
    """Report the checks and fail, when one that guards integrity did not pass.

    Raises:
        dagster.Failure: it names the failed checks.
    """
    broken = [c.check_name for c in checks if not c.passed and c.severity == dg.AssetCheckSeverity.ERROR]
    if broken:
        yield from checks
        name = context.asset_key.to_user_string()
        raise dg.Failure(f"{name}: check {', '.join(str(b) for b in broken)} failed; nothing was written")


def _joined(hashes: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:16]


def column_schema(record: type[Any]) -> dg.TableSchema:
    """The columns of a record's table."""

    def column(column_field: pa.Field) -> dg.TableColumn:
        return dg.TableColumn(column_field.name, str(column_field.type))

    return dg.TableSchema([column(column_field) for column_field in schema_of(record)])


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
    """A picture for the UI, coarser where the event log should not hold all of it; `draw` gets matplotlib axes."""
    pictures = (png(draw, width, height, dpi) for dpi in (80, 50, 30))
    fitting = next((picture for picture in pictures if len(picture) <= PLOT_BYTES), None)
    return dg.MetadataValue.md(
        f"![plot](data:image/png;base64,{fitting})" if fitting else f"(a picture of more than {PLOT_BYTES} bytes)"
    )


def share(part: int, whole: int) -> float:
    """Percent, 0 of nothing."""
    return round(100 * part / whole, 2) if whole else 0.0


def as_key(row: Any) -> dict[str, Any]:
    """A record as journal keys see it."""
    return dataclasses.asdict(row)
