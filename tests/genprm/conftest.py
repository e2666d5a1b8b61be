"""Fixtures for the whole library."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from genprm.data_sets.processbench import SUBSETS, load_subset
from genprm.records import BenchmarkCase

# Speed differs from machine to machine; how long one example takes says nothing about the code.
hypothesis.settings.register_profile("genprm", deadline=None)
hypothesis.settings.load_profile("genprm")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The directory with the public data sets; tests that need it are skipped where it is not there."""
    repository = Path(__file__).parents[2]
    path = repository / os.environ.get("GENPRM_DATA_DIR", "../shared/data")
    if not path.is_dir():
        pytest.skip(f"no public data sets in {path} (set GENPRM_DATA_DIR)")
    return path


@pytest.fixture(scope="session")
def processbench(data_dir: Path) -> list[BenchmarkCase]:
    """All real cases of ProcessBench, one subset after the other."""
    return [case for subset in SUBSETS for case in load_subset(subset, data_dir)]
