"""A checkpoint that knows how it is asked, from a base small enough for a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.manifest import read_manifest
from genprm.modes import Mode
from genprm.smol.recipe import VERIFIER, Recipe
from genprm.smol.train import SmolJob, train_policy, train_rationale_model
from genprm.verification.manifest import model_manifest
from tests.genprm.training.conftest import base_model

__all__ = ["base_model"]

SHORT = Recipe(conversations=4, longest_problem=130, most_sentences=2)


@pytest.mark.slow
def test_a_checkpoint_is_asked_as_it_was_trained(base_model: Path, data_dir: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    report = train_rationale_model(SmolJob(tmp_path / "smol", str(base_model), data_dir, SHORT), lines.append)

    manifest = model_manifest(str(report.checkpoint))
    assert lines[0] == "4 conversations are made"
    assert (report.examples, report.dropped, report.steps) == (4, 0, 1)
    assert report.loss_tokens < report.tokens
    assert manifest is not None
    assert manifest.inference_mode == Mode.FULL
    assert manifest.verifier == VERIFIER


@pytest.mark.slow
def test_a_policy_learns_nothing_but_the_solutions(base_model: Path, data_dir: Path, tmp_path: Path) -> None:
    report = train_policy(SmolJob(tmp_path / "policy", str(base_model), data_dir, SHORT))

    manifest = read_manifest(report.checkpoint)
    assert (report.examples, report.dropped, report.steps) == (4, 0, 1)
    assert manifest is not None
    assert manifest.verifier is None
