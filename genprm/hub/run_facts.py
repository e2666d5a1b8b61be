"""What the run that trained a checkpoint says about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genprm.checkpoints import FOLDER, card_path, read_checkpoint
from genprm.results.measures import Measure, Table
from genprm.store import TableStore

LEADERBOARD = "leaderboard"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The profile of a run, a model's key in it, the fingerprint of its weights, and what was measured of them."""

    profile: str
    model: str
    version: str
    measures: list[Measure]


def run_facts(directory: Path) -> RunFacts | None:
    """The facts about the weights in `directory`; None where they are not the current checkpoint of a run.

    There are no measures where the leaderboard is older than the checkpoint: they would be those of other weights.

    Raises:
        TableError: the checkpoint's card or the leaderboard is damaged.
    """
    place = directory.resolve()
    if len(place.parts) < 5 or place.parts[-3] != FOLDER:
        return None
    store, model = TableStore(place.parents[2]), place.parent.name
    card = card_path(store, model)
    if not card.is_file():
        return None
    checkpoint = read_checkpoint(store, model)
    if Path(checkpoint.weights).resolve() != place:
        return None
    leaderboard = store.path(LEADERBOARD)
    current = leaderboard.is_file() and leaderboard.stat().st_mtime >= card.stat().st_mtime
    rows = store.read(Measure, LEADERBOARD) if current else []
    found = [row for row in rows if row.model == model and row.table in (Table.JUDGES, Table.CALIBRATION)]
    return RunFacts(store.root.name, model, checkpoint.version, found)
