"""Sampled paths in a journal, so that a model that was stopped can continue where it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genprm.data_sets.rows import InputError
from genprm.engines.versions import weights_version
from genprm.journal import Journal, row_key
from genprm.manifest import read_manifest
from genprm.named_journal import open_journal
from genprm.records import StepwiseSolution
from genprm.reward_models.base import Asking, Paths
from genprm.reward_models.registry import VERIFIER, find_adapter

KEPT_VERSION = "1"
"""Version of the paths in a journal that a user names; raise it when a verifier judges in another way."""


class JournaledPaths(Paths):
    """Paths in a journal. The number of votes is not part of a key, so a run with more votes finds the paths of
    earlier runs."""

    def __init__(self, journal: Journal, key: Callable[[StepwiseSolution, int], str]) -> None:
        self._journal = journal
        self._key = key

    def get(self, solution: StepwiseSolution, number: int) -> Any | None:
        key = self._key(solution, number)
        return self._journal.get(key) if key in self._journal else None

    def put(self, solution: StepwiseSolution, number: int, path: Any) -> None:
        self._journal.put(self._key(solution, number), path)


@contextmanager
def keeping_paths(path: Path | None, model: str, asking: Asking) -> Iterator[Asking]:
    """Change `asking` so that a verifier keeps its paths in a file and finds the paths of earlier runs there; with
    None, leave it as it is. Weights, manifest, the way the verifier is asked and the solution identify a path.

    Raises:
        InputError: the model is no verifier, or the file is no journal.
        JournalError: the journal is in use, or damaged.
    """
    if path is None:
        yield asking
        return
    if find_adapter(model).adapter.name != VERIFIER:
        raise InputError(f"--journal keeps the paths of verifiers, and model {model!r} is none; allowed without it")
    decided = [KEPT_VERSION, weights_version(model), repr(read_manifest(Path(model))), _told(asking)]

    def key(solution: StepwiseSolution, number: int) -> str:
        return row_key(*decided, solution.problem, solution.steps, number)

    with open_journal(path) as journal:
        yield dataclasses.replace(asking, paths=JournaledPaths(journal, key))


def _told(asking: Asking) -> str:
    """All of `asking` but the number of paths and where they are kept."""
    values = {field.name: getattr(asking, field.name) for field in dataclasses.fields(asking)}
    return repr({name: value for name, value in values.items() if name not in ("votes", "paths")})
