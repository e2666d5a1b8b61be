"""Every reward that a run records says how it was read."""

from __future__ import annotations

from pathlib import Path

import fake_method
import pytest
from conftest import House

from genprm.checkpoints import read_checkpoint
from genprm.manifest import read_manifest
from genprm.records import Prediction, Rationale, SolutionRewards, VoteReading
from genprm.store import TableStore

ONE_PATH = VoteReading([fake_method.PROVENANCE], ["No", "Yes"], forced=0)


def test_rows_of_every_artifact_with_rewards_say_what_they_were_read_from(made_once: House) -> None:
    store = TableStore(made_once.home / "fake")
    rationales = store.read(Rationale, "rationales", "0-of-2")
    assert {row.verification.provenance for row in rationales} == {fake_method.PROVENANCE}
    predictions = store.read(Prediction, "processbench", "tiny.main.full|short")
    assert [row.reading for row in predictions] == [ONE_PATH] * 4
    assert all(row.executions == sum(map(len, row.path_rewards)) for row in predictions), "one block a step"


def test_a_checkpoint_says_what_the_judgements_it_learned_from_were_read_from(made_once: House) -> None:
    checkpoint = read_checkpoint(TableStore(made_once.home / "fake"), "tiny.main.cot")
    manifest = read_manifest(Path(checkpoint.weights))
    assert manifest is not None
    assert manifest.judged_from == (fake_method.PROVENANCE,)


@pytest.mark.slow
def test_rewards_of_candidates_say_what_they_were_read_from(made: House) -> None:
    made.use(fake_method.fake_profile(scaling={"sets": ["algebra"], "candidates": 2}))
    made.make()
    rows = TableStore(made.home / "fake").read(SolutionRewards, "best_of_n", "tiny.main.full|algebra")
    assert [row.reading for row in rows] == [ONE_PATH] * len(rows)
