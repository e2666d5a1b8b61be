"""The whole pipeline on a method without models: what a changed value makes again, and what it does not."""

from __future__ import annotations

from pathlib import Path

import fake_method
import pytest
from conftest import House

from genprm.records import Measure
from orchestration.store import profile_store

MAIN_WAVE = [
    *(f"{asset} {shard}-of-2|main" for asset in ("rpe_labels", "filtered_set") for shard in (0, 1)),
    "label_quality main",
    "training_set main",
    *(f"checkpoints tiny.main.{mode}" for mode in ("full", "cot", "direct")),
    *(
        f"processbench tiny.main.{mode}|{subset}"
        for mode in ("full", "cot", "direct")
        for subset in ("short", "long")
    ),
    "leaderboard",
    "report",
]


@pytest.fixture
def made(house: House) -> House:
    """A house in which everything was made."""
    house.make()
    return house


@pytest.mark.slow
def test_first_everything_then_nothing_then_exactly_what_epsilon_touches(house: House, home: Path) -> None:
    assert len(house.make()) == 37
    assert house.late() == []
    before = fake_method.calls()

    house.use(fake_method.fake_profile(labels={"epsilon": 0.5}))
    assert house.reported == ["parameters/labels main"]
    assert house.late() == ["rpe_labels 0-of-2|main", "rpe_labels 1-of-2|main"]
    assert sorted(house.make()) == sorted(MAIN_WAVE)
    new = fake_method.calls()[len(before) :]
    assert set(new) == {"checkpoints", "processbench"}

    house.use(fake_method.fake_profile())
    before = fake_method.calls()
    house.make()
    assert fake_method.calls() == before, "going back finds checkpoints and paths on disk"
    assert house.late() == []


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({"problems": {"seed": 1}}, {"problems"}),
        ({"solutions": {"batch": 2}}, {"solutions"}),
        ({"monte_carlo": {"rollouts_otherwise": 3}}, {"mc_scores"}),
        ({"rationales": {"mode": "full", "verifier": {"rounds": 2}}}, {"rationales", "training_set"}),
        ({"consensus": {"balance": True}}, {"training_set"}),
        ({"training": {"epochs": 2}}, {"checkpoints tiny.main"}),
        ({"consensus": {"mask_code_output": True}}, {"checkpoints tiny.main"}),
        ({"evaluation": {"votes": 5}}, {"processbench"}),
        ({"evaluation": {"limit": 3}}, {"evaluation_set"}),
        ({"evaluation": {"bootstrap": 200}}, {"leaderboard"}),
        ({"evaluation": {"threshold": 0.4}}, {"processbench", "leaderboard"}),
        ({"labels": {"variants": {"hard": {"estimator": "hard", "epsilon": 0.1}}}}, {"rpe_labels"}),
        ({"engine": {"max_batch": 3}, "runner": {"workers": 1}, "sandbox": {"seconds": 1}}, set()),
    ],
)
def test_each_section_touches_its_artifacts_only(made_once: House, change: dict, stale: set[str]) -> None:
    made_once.use(fake_method.fake_profile(**change))
    late = made_once.late()
    assert {name for name in stale if any(item.startswith(name) for item in late)} == stale
    assert [item for item in late if not any(item.startswith(name) for name in stale)] == []


def test_a_new_variant_is_missing_and_nothing_else_changes(made_once: House) -> None:
    variants = {"hard": {"estimator": "hard"}, "loose": {"estimator": "ratio", "epsilon": 0.1}}
    made_once.use(fake_method.fake_profile(labels={"variants": variants}))
    late = made_once.late()
    assert [item for item in late if "loose" not in item] == []
    assert len(late) == 6


@pytest.mark.slow
def test_identical_labels_stop_the_wave(made: House) -> None:
    made.use(fake_method.fake_profile(labels={"epsilon": 0.75}))
    assert made.make() == ["rpe_labels 0-of-2|main", "rpe_labels 1-of-2|main"]


@pytest.mark.slow
def test_best_of_n_is_drawn_once_and_topped_up(house: House) -> None:
    """The fake judge knows what is wrong in trained models, so its choice of 4 is as good as any can be."""
    scaling = {"sets": ["algebra", "counting"], "candidates": 4}
    house.use(fake_method.fake_profile(scaling=scaling))
    made = house.make()
    assert [name for name in made if name.startswith("candidates")] == ["candidates algebra", "candidates counting"]
    assert len([name for name in made if name.startswith("best_of_n")]) == 10
    measures = profile_store("fake").read(Measure, "leaderboard")
    found = {(row.subject, row.name): row.value for row in measures}
    assert found["tiny.main.full best, min", "algebra: N = 4"] == 100
    assert found["tiny.untrained best, min", "algebra: N = 1"] == 50
    assert found["majority", "algebra: N = 4"] == 100, "two against two: the answer drawn first"
    assert found["tiny.main.full best of 4 - majority", "accuracy"] == 0
    drawn = fake_method.calls().count("candidates")
    assert drawn == 2 * 3 * 4

    house.use(fake_method.fake_profile(scaling={**scaling, "candidates": 8}))
    assert {name.split()[0] for name in house.late()} == {"candidates"}
    house.make()
    assert fake_method.calls().count("candidates") == 2 * drawn, "those that were there are kept"
    house.use(fake_method.fake_profile(scaling={**scaling, "candidates": 8, "votes": 2}))
    assert {name.split()[0] for name in house.late()} == {"best_of_n"}
    house.use(fake_method.fake_profile(scaling={**scaling, "candidates": 8, "aggregate": "mean"}))
    assert house.make() == ["leaderboard", "report"]
