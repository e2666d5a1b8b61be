"""Refinement as the pipeline does it: journals of earlier runs are found again."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assets import refinement
from genprm.journal import Journal
from genprm.lineup import Lineup
from genprm.records import SampledSolution
from genprm.scaling import refinement as method
from genprm.scaling.refinement import begin
from tests.orchestration import fake_method

KEYS = [
    "202105d717fea2e1d3384c4b52e07381",
    "951961eac9140d21367182c7b75d4c35",
    "bb79e277ed34c5bbe84ae41c42e883a0",
    "4bbef84a1aded63ec4e1cd3ea81b0f03",
    "cd220755186ef98bf7414aaabb41ff86",
    "a1c2f9d5e62e8578fdf5eb5dcdffc4bf",
    "290e6d2ac961c34a6bce4177d91d5dc4",
    "f150a1400acb16f63b1e093ca8cdbb99",
    "1a90987b77c298bd74c1e18eb7b8c0a8",
    "3796c82817805f855f2fc34d3f3f357a",
    "44b074814e4704beed4ee4caf1536d3e",
    "e6987a3b3a23f00d09b41928578bfc69",
    "de95ebea07e4a81918bd1c8aae1350ea",
    "db8821c3b168a5dd0c069cc1f61c4719",
]


def test_critiques_and_rewrites_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys recorded at 5e42e9b: three critics, two solutions, two turns."""
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(method, "criticise", fake_method.criticise)
    monkeypatch.setattr(method, "rewrite", fake_method.rewrite)
    monkeypatch.setattr("genprm.reward_models.genprm.Verifier", fake_method.FakeVerifier)
    monkeypatch.setattr(
        refinement,
        "read_checkpoint",
        lambda store, model: SimpleNamespace(weights=f"checkpoints/{model}", version=f"v-{model}"),
    )
    profile = fake_method.fake_profile(
        scaling={"sets": ["algebra"], "candidates": 4, "model": "hub/policy"},
        refinement={"sets": ["algebra"], "solutions": 2, "turns": 2},
    )
    lineup = Lineup(profile)
    rows = [SampledSolution(f"a-{n}", "a", "algebra 0?", ["x", "y", "z"], "0", None, False, 7, 4) for n in range(2)]
    context: Any = SimpleNamespace(profile=profile, lineup=lineup, store=None, machines=fake_method.FakeMachines())
    phases: list[int] = []
    with Journal(tmp_path / "rows.jsonl") as journal:
        refiner = refinement.refiner(context, journal)
        refiner.refine(
            list(lineup.critic_models),
            [begin(row, "1") for row in rows],
            phases.append,
        )
    assert [json.loads(line)["key"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()] == KEYS
    assert phases == [1] * 8
