"""Checkpoints of a run: for each model a card that says where its weights are and what they are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from genprm.files import write_text
from genprm.store import MissingTable, TableStore


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the weights of a model are, what they are, and the tracked run that belongs to it."""

    model: str
    mode: str
    weights: str
    version: str
    run_id: str


def _card(store: TableStore, model: str) -> Path:
    return store.folder("checkpoints", model) / "checkpoint.json"


def write_checkpoint(store: TableStore, checkpoint: Checkpoint) -> None:
    """Keep the card of a checkpoint under its model's key."""
    write_text(_card(store, checkpoint.model), json.dumps(asdict(checkpoint), indent=1) + "\n")


def read_checkpoint(store: TableStore, model: str) -> Checkpoint:
    """The checkpoint of a model.

    Raises:
        MissingTable: there is none yet.
    """
    path = _card(store, model)
    if not path.is_file():
        raise MissingTable(f"checkpoints {model!r} is not there: materialize it first ({path})")
    return Checkpoint(**json.loads(path.read_text()))
