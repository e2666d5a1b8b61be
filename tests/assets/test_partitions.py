"""The partitions of a profile, and which ones feed which."""

from __future__ import annotations

import pytest

from assets.partitions import MOST_PARTITIONS, Pipeline
from genprm.profiles import build_profile
from genprm.settings import SettingsError


def test_models_that_judge_otherwise_need_the_checkpoint_that_they_are() -> None:
    values = {
        "name": "p",
        "training": {"base": {"b": "hub/b"}, "modes": ["full", "code"]},
        "evaluation": {"other_modes": ["cot", "full", "code_unrun"]},
    }
    pipeline = Pipeline(build_profile(values))
    assert pipeline.judging_with() == {
        "b.main.full": ["b.main.full.as-cot", "b.main.full.as-code_unrun"],
        "b.main.code": ["b.main.code.as-code_unrun"],
    }


def test_more_partitions_than_dagster_tracks_are_refused() -> None:
    subsets = [f"s{number}" for number in range(MOST_PARTITIONS)]
    with pytest.raises(SettingsError, match=r"ask for 495 results.*allowed: at most 99"):
        Pipeline(build_profile({"name": "p", "evaluation": {"subsets": subsets}}))


def test_every_method_searches_every_set_that_is_named() -> None:
    values = {"name": "p", "scaling": {"sets": ["amc23", "math500"]}}
    search = {"sets": ["math500"], "methods": ["beam", "majority"]}
    assert Pipeline(build_profile({**values, "search": search})).searched_from() == {
        "math500": ["beam|math500", "majority|math500"]
    }
    many = [f"s{number}" for number in range(50)]
    with pytest.raises(SettingsError, match="search asks for 100 results, one per method and answer set"):
        Pipeline(build_profile({"name": "p", "scaling": {"sets": many}, "search": {**search, "sets": many}}))
