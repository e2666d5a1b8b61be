"""Python in the documentation runs, with a scripted model in place of the one that is named."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import genprm.prm
import genprm.verification.published
from genprm import GenPRM
from genprm.domains.base import Domain
from genprm.labels.estimators import LabelEstimator
from genprm.records import Problem, StepScores
from genprm.settings import EngineSettings, ProblemSettings
from tests.docs.pages import Block, blocks
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

BLOCKS = {str(block): block for block in blocks("python")}

GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "README.md-1": dict,
    "own_problems.md-1": dict,
    "engines.md-1": lambda: {"GenPRM": GenPRM, "EngineSettings": EngineSettings},
    "engines.md-2": lambda: {"GenPRM": GenPRM, "EngineSettings": EngineSettings},
    "settings.md-1": lambda: {"LabelEstimator": LabelEstimator, "StepScores": StepScores},
    "data.md-1": lambda: {
        **{"re": re, "nullcontext": nullcontext, "Iterator": Iterator, "Path": Path},
        **{"Domain": Domain, "Problem": Problem, "ProblemSettings": ProblemSettings},
    },
}
"""Blocks that run, with the names that their pages take as given."""

ELSEWHERE = {
    "baselines.md-1": "weights of 7 billion parameters",
    "baselines.md-2": "a registration for good; tests/genprm/reward_models/test_registry.py has it",
    "calibration.md-1": "predictions of a run",
    "contributing.md-1": "a run; tests/orchestration/test_pipeline.py has it",
    "contributing.md-2": "a sketch; tests/assets/test_artifact.py has one that runs",
    "search.md-1": "a policy; tests/genprm/search has it",
    "search.md-2": "another library",
    "smol.md-1": "a download",
    "verification.md-1": "a policy; tests/genprm/test_added_search.py has it",
}
"""Blocks that do not run here, and what they would need."""


@pytest.fixture(autouse=True)
def scripted_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genprm.verification.published, "data_set_system", lambda directory: "Judge each step.")
    monkeypatch.setattr(genprm.prm, "open_engine", lambda model, settings: judge_engine())
    monkeypatch.setattr(genprm.prm, "open_sandbox", lambda settings: EchoSandbox())


def test_every_block_is_run_or_says_what_it_would_need() -> None:
    assert sorted([*GIVEN, *ELSEWHERE]) == sorted(BLOCKS)


@pytest.mark.parametrize("name", GIVEN)
def test_blocks_run(name: str) -> None:
    exec(compile(BLOCKS[name].text, name, "exec"), GIVEN[name]())


@pytest.mark.parametrize("block", BLOCKS.values(), ids=str)
def test_what_blocks_import_is_there(block: Block) -> None:
    tree = compile(block.text, str(block), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "genprm":
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, name.name) for name in node.names)
