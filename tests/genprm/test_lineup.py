"""Which models a profile trains, and which of them judge otherwise, choose and criticise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from genprm.lineup import Lineup, Model
from genprm.modes import Mode
from genprm.profiles import build_profile
from genprm.settings import SettingsError


def lineup(**training: Any) -> Lineup:
    """Two bases, two label variants."""
    return Lineup(
        build_profile(
            {
                "name": "p",
                "labels": {"variants": {"hard": {"estimator": "hard"}}},
                "training": {"base": {"a": "hub/a", "b": "hub/b-7B"}, "variants": ["main", "hard"], **training},
                "evaluation": {
                    "other_modes": ["cot", "code_unrun", "adaptive"] if "full" in training["modes"] else []
                },
            }
        )
    )


def keys(models: Iterable[Model | None]) -> list[str | None]:
    return [model and model.key for model in models]


def test_the_first_variant_is_trained_in_every_mode_and_the_others_in_full() -> None:
    found = lineup(modes=["full", "direct"]).models
    assert keys(found) == [
        *("a.main.full", "a.main.direct", "a.hard.full"),
        *("b.main.full", "b.main.direct", "b.hard.full"),
        *("a.untrained", "b.untrained", "rationale"),
    ]
    assert [model.weights for model in found if model.variant == "hard"] == ["hub/a", "hub/b-7B"]
    assert [model.key for model in found if not model.trained] == ["a.untrained", "b.untrained", "rationale"]
    assert {model.base: model.billions for model in found if model.trained} == {"a": None, "b": 7.0}


def test_only_models_that_know_enough_judge_in_another_mode() -> None:
    """The code model can leave its code unrun; a direct one can do nothing else."""
    trained = {"modes": ["full", "code", "direct"], "think": True, "shares": [0.5]}
    found = lineup(base={"a": "hub/a"}, **trained).otherwise
    assert {model.key: (model.checkpoint, model.mode) for model in found} == {
        "a.main.full.as-cot": ("a.main.full", "cot"),
        "a.main.full.as-code_unrun": ("a.main.full", "code_unrun"),
        "a.main.full.as-adaptive": ("a.main.full", "adaptive"),
        "a.main.code.as-code_unrun": ("a.main.code", "code_unrun"),
    }
    assert not any(model.as_trained for model in found)


def test_candidates_are_ranked_by_the_first_variant_on_all_data_and_by_references() -> None:
    found = lineup(base={"a": "hub/a"}, modes=["full"], discriminative=True, think=True, shares=[0.5]).rankers
    assert keys(found) == ["a.main.full", "a.main.discriminative", "a.main.think", "a.untrained", "rationale"]


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (["full", "cot"], ["a.main.full", "a.untrained", "b.main.full", "b.untrained"]),
        (["cot"], ["a.untrained", "b.untrained"]),
    ],
)
def test_every_base_criticises_trained_in_full_and_untrained(modes: list[str], expected: list[str]) -> None:
    found = lineup(modes=modes, variants=["main"])
    assert keys(found.critics) == expected
    assert list(found.critic_models) == ["self", *expected], "the policy criticises itself"


def test_the_paper_s_genprm_is_the_full_model_of_the_first_variant() -> None:
    found = lineup(modes=["full"], variants=["hard", "main"], shares=[0.5])
    assert [model.key for model in found.models if found.is_full(model)] == ["a.hard.full", "b.hard.full"]
    assert keys(found.fulls) == ["a.hard.full", "b.hard.full"]
    assert lineup(modes=["cot"]).fulls == ()


def test_a_line_up_finds_the_siblings_of_a_model() -> None:
    found = lineup(modes=["full", "direct"], discriminative=True)
    full = found.model("a.main.full")
    siblings = (
        found.trained("a", Mode.DIRECT),
        found.trained("a", "discriminative"),
        found.trained("a", "think"),
        found.trained("a", Mode.FULL, "hard"),
        found.asked_as(full, Mode.COT),
        found.asked_as(full, Mode.TEXT),
        found.untrained("a"),
    )
    expected = ["a.main.direct", "a.main.discriminative", None, "a.hard.full", "a.main.full.as-cot", None]
    assert keys(siblings) == [*expected, "a.untrained"]


def test_two_models_of_one_name_are_refused() -> None:
    values = {
        "name": "p",
        "labels": {"variants": {"x.main": {"estimator": "hard"}}},
        "training": {"base": {"a": "hub/a", "a.x": "hub/b"}, "variants": ["main", "x.main"], "modes": ["full"]},
    }
    with pytest.raises(SettingsError, match=r"models a\.x\.main\.full would share a name; rename a base"):
        Lineup(build_profile(values))


def test_ablations_are_models_of_the_first_variant() -> None:
    values = {
        "name": "p",
        "labels": {"variants": {"hard": {"estimator": "hard"}}},
        "training": {
            "base": {"b": "hub/b"},
            "modes": ["full", "code", "direct"],
            "variants": ["main", "hard"],
            "discriminative": True,
            "think": True,
            "shares": [0.25, 0.5],
        },
        "evaluation": {"other_modes": ["cot", "full", "code_unrun"], "votes": 8, "other_votes": 2},
    }
    line_up = Lineup(build_profile(values))
    found = {model.key: (model.checkpoint, model.judging, line_up.votes_of(model)) for model in line_up.judges}
    assert found == {
        "b.main.full": ("b.main.full", "full", 8),
        "b.main.code": ("b.main.code", "code", 2),
        "b.main.direct": ("b.main.direct", "direct", 1),
        "b.hard.full": ("b.hard.full", "full", 2),
        "b.main.full.25pct": ("b.main.full.25pct", "full", 2),
        "b.main.full.50pct": ("b.main.full.50pct", "full", 2),
        "b.main.discriminative": ("b.main.discriminative", "discriminative", 1),
        "b.main.think": ("b.main.think", "think", 2),
        "b.untrained": ("b.untrained", "full", 2),
        "rationale": ("rationale", "full", 2),
        "b.main.full.as-cot": ("b.main.full", "cot", 2),
        "b.main.full.as-code_unrun": ("b.main.full", "code_unrun", 2),
        "b.main.code.as-code_unrun": ("b.main.code", "code_unrun", 2),
    }


def test_a_full_model_is_trained_further_as_a_model_of_its_own() -> None:
    found = lineup(base={"a": "hub/a"}, modes=["full", "direct"], rl={"updates": 10})
    further = found.model("a.main.full.rl")
    assert further.mode is Mode.FULL
    assert further.checkpoint == further.key
    assert keys(found.fulls) == ["a.main.full"], "the paper's is the one without"
    assert "a.hard.full.rl" not in keys(found.models)
    assert found.trained("a", "full.rl") == further
    assert found.model("a.main.full.rl.as-code_unrun").checkpoint == "a.main.full.rl"


def test_without_a_full_model_nothing_is_trained_further() -> None:
    with pytest.raises(SettingsError, match=r"training\.rl needs a model trained in full mode"):
        lineup(modes=["direct"], rl={})


def test_searches_are_guided_by_the_first_base_in_the_mode_they_ask_for() -> None:
    values = {"name": "p", "training": {"base": {"a": "hub/a", "b": "hub/b"}, "modes": ["full", "cot"]}}
    guides = [Lineup(build_profile({**values, "search": {"mode": mode}})).guide for mode in ("full", "cot", "code")]
    assert keys(guides) == ["a.main.full", "a.main.cot", None]
