"""What a page of transcripts shows of a run: the predictions and rationales in its home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from genprm.data_sets.rows import InputError, shown
from genprm.records import Prediction, Rationale, StepLabels, StepScores, Verification
from genprm.settings import MAIN_VARIANT
from genprm.store import TableStore, partition_key
from genprm.view.transcripts import Case, KeptPaths, from_prediction, from_rationale

R = TypeVar("R")

TRANSCRIPTS = "transcripts"
"""The table of verification paths, with texts where these were kept; partitioned as the predictions are."""

JUDGED = ("processbench", "judged_otherwise")
"""Artifacts that hold predictions. The first dimension of their partitions is the model."""


def predicted_cases(store: TableStore, model: str | None = None, subset: str | None = None) -> list[Case]:
    """Predictions of a run (of one model, on one subset, or all), with the texts that were kept; models in
    alphabetical order.

    Raises:
        InputError: the run has no predictions, or not those that were chosen.
        DamagedFile: a table is not what was written.
    """
    found = [(table, partition) for table in JUDGED for partition in _partitions(store, table)]
    if not found:
        raise InputError(f"run {shown(store.root.name)} has no predictions: materialize processbench first")
    _require("model", model, {_model_of(partition) for _, partition in found})
    wanted = sorted((one for one in found if model in (None, _model_of(one[1]))), key=lambda one: (one[1], one[0]))
    rows = [
        (prediction, _model_of(partition), paths.get(prediction.id, {}))
        for table, partition in wanted
        for paths in [_kept_paths(store, table, partition)]
        for prediction in store.read(Prediction, table, partition)
    ]
    _require("subset", subset, {prediction.subset for prediction, _, _ in rows})
    return [from_prediction(*row) for row in rows if subset in (None, row[0].subset)]


def rationale_cases(store: TableStore) -> list[Case]:
    """Rationales of a run, with scores, progress and labels (of the main variant) as far as they exist.

    Raises:
        InputError: the run has no rationales.
        DamagedFile: a table is not what was written.
    """
    shards = _partitions(store, "rationales")
    if not shards:
        raise InputError(f"run {shown(store.root.name)} has no rationales: materialize rationales first")
    return [case for shard in shards for case in _rationales_of(store, shard)]


def _rationales_of(store: TableStore, shard: str) -> Iterator[Case]:
    labelled = _rows_if_made(store, StepLabels, "rpe_labels", partition_key(shard, MAIN_VARIANT))
    scored = _rows_if_made(store, StepScores, "mc_scores", shard)
    labels, scores = {row.solution_id: row for row in labelled}, {row.solution_id: row for row in scored}
    for row in store.read(Rationale, "rationales", shard):
        yield from_rationale(row, labels.get(row.solution_id), scores.get(row.solution_id))


def _rows_if_made(store: TableStore, record: type[R], table: str, partition: str) -> Sequence[R]:
    return store.read(record, table, partition) if store.path(table, partition).is_file() else ()


def _kept_paths(store: TableStore, table: str, partition: str) -> dict[str, KeptPaths]:
    """The paths of each case. A table that is left from before the predictions were made again is ignored."""
    path = store.path(TRANSCRIPTS, partition)
    if path.relative_to(store.root).as_posix() not in store.note(table, partition).files:
        return {}
    found: dict[str, KeptPaths] = {}
    for row in store.read(Verification, TRANSCRIPTS, partition):
        found[row.id] = {**found.get(row.id, {}), row.path: row}
    return found


def _partitions(store: TableStore, table: str) -> list[str]:
    """Keys of the partitions that exist, in alphabetical order."""
    folder = store.path(table).parent
    files = sorted(folder.rglob("*.parquet"))
    return [partition_key(*file.relative_to(folder).with_suffix("").parts) for file in files]


def _model_of(partition: str) -> str:
    return partition.partition("|")[0]


def _require(what: str, value: str | None, allowed: set[str]) -> None:
    if value is not None and value not in allowed:
        raise InputError(f"{what} is {shown(value)}, allowed: {', '.join(sorted(allowed))}")
