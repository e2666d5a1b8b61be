"""Checks whether tables, checkpoints and the report on disk are what was recorded when they were made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.artifact import load_artifacts
from genprm.checkpoints import FOLDER, read_checkpoint
from genprm.engines.versions import directory_version
from genprm.store import DamagedFile, MissingTable, TableStore
from genprm.tables import joined_hash, table_hash
from orchestration.staleness import Node, Staleness, Standing


def standing_of(node: Node, staleness: Staleness, store: TableStore | None, verify: bool = False) -> Standing:
    """How a partition stands. What Dagster calls fresh counts as stale when its files are gone or differ.

    Args:
        verify: read the content of every file, even where size and modification time are as recorded.
    """
    standing = staleness.standing(node)
    if standing.state != "fresh" or store is None:
        return standing
    found = damage_of(node, staleness.version(node), store, verify)
    return Standing("stale", found) if found else standing


def damage_of(node: Node, version: str | None, store: TableStore, verify: bool = False) -> str:
    """What is wrong with the files of a partition whose data version is `version`; empty where nothing is.

    Damaged files are first brought back from the place that they were carried to (`genprm.carried`).
    """
    found = _local_damage(node, version, store, verify)
    if found and version and store.bring(node.asset, node.partition, version):
        return _local_damage(node, version, store, verify)
    return found


def _local_damage(node: Node, version: str | None, store: TableStore, verify: bool) -> str:
    try:
        note = store.note(node.asset, node.partition)
    except DamagedFile as error:
        return str(error)
    if not note.version:
        return "the files are gone"
    if note.version != version:
        return "the files are not those that Dagster recorded"
    if not note.files:
        return _unrecorded_damage(node, note.version, store, verify)
    damages = (store.damage(store.root / name, verify) for name in note.files)
    return next(filter(None, damages), "") or store.unlike(note)


def is_recorded(node: Node, store: TableStore) -> bool:
    """Whether the files of a partition were recorded and can be compared; earlier releases did not record them."""
    try:
        return bool(store.note(node.asset, node.partition).files)
    except DamagedFile:
        return True


def _unrecorded_damage(node: Node, version: str, store: TableStore, verify: bool) -> str:
    """What is wrong with a partition whose files were not recorded. The files must exist; with `verify` their
    content must also match the version, where the version follows from the files alone."""
    if node.asset == FOLDER:
        return _unrecorded_checkpoint(store, str(node.partition), version if verify else "")
    if "parquet" not in load_artifacts()[node.asset].declared.kinds:
        return ""
    tables = [store.path(name, node.partition) for name in load_artifacts()[node.asset].tables]
    for path in tables:
        if not path.is_file() and not path.with_suffix("").is_dir():
            return f"{path} is gone"
    if verify and all(path.is_file() for path in tables):
        try:
            same = version in _possible_versions(tables)
        except (pa.ArrowException, OSError) as error:
            return f"{tables[0]} cannot be read: {' '.join(str(error).split())}"
        return "" if same else f"{tables[0]} is not what was written"
    return ""


def _unrecorded_checkpoint(store: TableStore, model: str, version: str) -> str:
    try:
        checkpoint = read_checkpoint(store, model)
    except (DamagedFile, MissingTable) as error:
        return str(error)
    weights = Path(checkpoint.weights)
    if version and weights.is_relative_to(store.root) and directory_version(weights) != version:
        return f"{weights} is not what was written"
    return ""


def _possible_versions(paths: list[Path]) -> Iterator[str]:
    """The versions that the tables may have: by all columns, or by all but one (see `without` of a `Table`)."""
    tables = [pq.read_table(path) for path in paths]
    yield joined_hash([table_hash(table) for table in tables])
    if len(tables) == 1:
        for column in tables[0].column_names:
            yield table_hash(tables[0].drop_columns([column]))
