"""The sections of a profile."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from genprm.planning.saved import plan_path
from genprm.settings import OPERATIONAL, Profile


def test_operational_sections_are_sections() -> None:
    assert set(Profile.model_fields) > OPERATIONAL


def test_how_work_is_done_is_no_part_of_what_a_plan_is_for() -> None:
    plain = Profile(name="p")
    busy = Profile.model_validate({"name": "p", "engine": {"max_batch": 2}, "runner": {"workers": 3}})
    assert plan_path(plain) == plan_path(busy)
    assert plan_path(plain) != plan_path(Profile.model_validate({"name": "p", "labels": {"epsilon": 0.5}}))


def test_sections_are_written_as_they_always_were() -> None:
    """The fingerprints of artifacts are made of this text: a digest of all defaults, recorded at f80762b."""
    text = Profile(name="p").model_dump_json(exclude=set(OPERATIONAL))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "107464b4a7bbcf6b"


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"sets": ["algebra"]}, r"search.sets names \['algebra'\], scaling.sets has \['math500'\]"),
        (
            {"sets": ["math500"], "mode": "code"},
            "search.mode is 'code', allowed: one of training.modes",
        ),
        ({"methods": ["maze"]}, "method is 'maze', allowed: best-of-n, majority"),
        ({"budgets": [4, 2]}, r"budgets are \[4, 2\], allowed: different numbers in ascending order"),
    ],
)
def test_a_search_needs_candidates_a_guide_methods_and_budgets(search: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Profile.model_validate({"name": "p", "scaling": {"sets": ["math500"]}, "search": search})
