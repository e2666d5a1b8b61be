"""Which models a profile trains, and which of them judge otherwise, choose and criticise."""

from __future__ import annotations

from typing import Any

import pytest

from genprm.lineup import critics, full_key, is_full, judged_otherwise, models_of, rankers
from genprm.profiles import build_profile
from genprm.settings import Profile


def profile(**training: Any) -> Profile:
    """Two bases, two label variants."""
    return build_profile(
        {
            "name": "p",
            "labels": {"variants": {"hard": {"estimator": "hard"}}},
            "training": {"base": {"a": "hub/a", "b": "hub/b"}, "variants": ["main", "hard"], **training},
            "evaluation": {"other_modes": ["cot", "code_unrun", "adaptive"] if "full" in training["modes"] else []},
        }
    )


def keys(models: tuple[Any, ...]) -> list[str]:
    return [model.key for model in models]


def test_the_first_variant_is_trained_in_every_mode_and_the_others_in_full() -> None:
    found = models_of(profile(modes=["full", "direct"]))
    assert keys(found) == [
        *("a.main.full", "a.main.direct", "a.hard.full"),
        *("b.main.full", "b.main.direct", "b.hard.full"),
        *("a.untrained", "b.untrained", "rationale"),
    ]
    assert [model.weights for model in found if model.variant == "hard"] == ["hub/a", "hub/b"]
    assert [model.key for model in found if not model.trained] == ["a.untrained", "b.untrained", "rationale"]


def test_only_models_that_know_enough_judge_in_another_mode() -> None:
    """The code model can leave its code unrun; a direct one can do nothing else."""
    trained = {"modes": ["full", "code", "direct"], "think": True, "shares": [0.5]}
    found = judged_otherwise(profile(base={"a": "hub/a"}, **trained))
    assert {model.key: (model.checkpoint, model.mode) for model in found} == {
        "a.main.full.as-cot": ("a.main.full", "cot"),
        "a.main.full.as-code_unrun": ("a.main.full", "code_unrun"),
        "a.main.full.as-adaptive": ("a.main.full", "adaptive"),
        "a.main.code.as-code_unrun": ("a.main.code", "code_unrun"),
    }


def test_candidates_are_ranked_by_the_first_variant_on_all_data_and_by_references() -> None:
    found = rankers(profile(base={"a": "hub/a"}, modes=["full"], discriminative=True, think=True, shares=[0.5]))
    assert keys(found) == ["a.main.full", "a.main.discriminative", "a.main.think", "a.untrained", "rationale"]


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (["full", "cot"], ["a.main.full", "a.untrained", "b.main.full", "b.untrained"]),
        (["cot"], ["a.untrained", "b.untrained"]),
    ],
)
def test_every_base_criticises_trained_in_full_and_untrained(modes: list[str], expected: list[str]) -> None:
    assert keys(critics(profile(modes=modes, variants=["main"]))) == expected


def test_the_paper_s_genprm_is_the_full_model_of_the_first_variant() -> None:
    found = profile(modes=["full"], variants=["hard", "main"], shares=[0.5])
    assert [model.key for model in models_of(found) if is_full(found, model)] == ["a.hard.full", "b.hard.full"]
    assert full_key(found, "b") == "b.hard.full"
