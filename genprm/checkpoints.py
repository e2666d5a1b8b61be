"""Checkpoints of a run: for each model a card that says where its weights are and what they are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from genprm.files import write_text
from genprm.store import DamagedFile, MissingTable, TableStore

FOLDER = "checkpoints"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the weights of a model are, what they are, and the tracked run that belongs to it."""

    model: str
    mode: str
    weights: str
    version: str
    run_id: str


_CARD = TypeAdapter(Checkpoint)


def card_path(store: TableStore, model: str) -> Path:
    """Where the card of a checkpoint lies, written or not."""
    return store.folder(FOLDER, model) / "checkpoint.json"


def write_checkpoint(store: TableStore, checkpoint: Checkpoint) -> None:
    """Keep the card of a checkpoint under its model's key. Weights in the store are named by their path inside it,
    so that a home can be moved."""
    card, weights = card_path(store, checkpoint.model), Path(checkpoint.weights)
    if weights.is_relative_to(store.root):
        checkpoint = replace(checkpoint, weights=weights.relative_to(store.root).as_posix())
    write_text(card, json.dumps(asdict(checkpoint), indent=1) + "\n")
    store.record(card)


def read_checkpoint(store: TableStore, model: str) -> Checkpoint:
    """The checkpoint of a model.

    Raises:
        MissingTable: there is none yet.
        DamagedFile: its card or its weights are not what was written.
    """
    path, of = card_path(store, model), f"checkpoints {model!r}"
    if not path.is_file():
        raise MissingTable(f"{of} is not there: materialize it first ({path})")
    store.require_whole(path, of)
    try:
        checkpoint = _CARD.validate_json(path.read_bytes())
    except ValidationError:
        raise DamagedFile(f"{of} is damaged: {path.name} is no card of a checkpoint ({path})") from None
    directory = _in_store(store, checkpoint)
    if directory is None:
        return checkpoint
    store.require_whole(directory, of)
    return replace(checkpoint, weights=str(directory))


def _in_store(store: TableStore, checkpoint: Checkpoint) -> Path | None:
    """The directory of weights that were trained here; None for weights from elsewhere.

    Raises:
        DamagedFile: they were trained here and are gone.
    """
    weights = Path(checkpoint.weights)
    if weights.parts[:1] == (FOLDER,):
        directory = store.root / weights
    elif weights.is_absolute() and weights.parts[-3:-1] == (FOLDER, checkpoint.model):
        # Cards used to name the whole path: the home may have been moved since.
        directory = store.folder(FOLDER, checkpoint.model) / weights.name
    else:
        return None
    if not directory.is_dir():
        raise DamagedFile(f"checkpoints {checkpoint.model!r}: the weights are gone ({directory})")
    return directory
