"""The whole pipeline on a method without models: what a changed value makes again, and what it does not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fake_method
import pytest
from conftest import House

from assets.partitions import Pipeline
from genprm.manifest import read_manifest
from genprm.results.captions import TITLES, column_caption, row_caption
from genprm.results.claims import Claim
from genprm.results.figures import f1_rows
from genprm.results.measures import Measure, Metric
from genprm.results.measures import Table as MeasureTable
from genprm.store import profile_store
from genprm.view.runs import predicted_cases, rationale_cases
from orchestration.schedule import made_before, pipeline_nodes
from orchestration.spending import Spending
from orchestration.staleness import Staleness

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
        ({"evaluation": {"verifier": {"tau": 0.2}}, "rationales": {"verifier": {"tau": 0.2}}}, set()),
        ({"evaluation": {"kept_paths": 3}}, set()),
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


def test_a_run_can_be_looked_at(made_once: House) -> None:
    made_once.use(fake_method.fake_profile())
    store = profile_store("fake")
    cases = predicted_cases(store)
    assert len(cases) == 8 * len(Pipeline(made_once.profile).lineup.models)
    [wrong] = [case for case in cases if (case["id"], case["model"]) == ("long-wrong-1", "tiny.main.full")]
    assert (wrong["label"], wrong["prediction"], len(wrong["paths"])) == (1, 1, 4)
    first, *others = wrong["paths"]
    assert [step["code"] for step in first] == ["print(1 + 1)"] * 2
    assert [[step["verdict"] for step in path] for path in others] == [["Yes", "No"]] * 3
    assert not any("code" in step for path in others for step in path), "one path keeps its text"
    assert "transcripts.html" in (made_once.home / "fake" / "report" / "index.html").read_text()

    rationale = rationale_cases(store)[1]
    assert rationale["label"] == rationale["prediction"] == 2
    assert rationale["mc"][-1] == 0.0
    assert len(rationale["progress"]) == 3
    assert rationale["paths"][0][2]["analysis"] == "It adds."


def test_a_new_variant_is_missing_and_nothing_else_changes(made_once: House) -> None:
    variants = {"hard": {"estimator": "hard"}, "loose": {"estimator": "ratio", "epsilon": 0.1}}
    made_once.use(fake_method.fake_profile(labels={"variants": variants}))
    late = made_once.late()
    assert [item for item in late if "loose" not in item] == []
    assert len(late) == 6


MORE_MODELS: dict[str, dict[str, Any]] = {
    "training": {"variants": ["main", "hard"], "discriminative": True, "think": True, "shares": [0.5]},
    "evaluation": {"other_modes": ["cot", "text"]},
}
NEW_MODELS = ("tiny.hard.full", "tiny.main.full.50pct", "tiny.main.discriminative", "tiny.main.think")


def again_and_waiting(house: House) -> tuple[list[str], dict[str, str]]:
    """What `genprm refresh` would look at, and what it says that the rest waits for."""
    nodes, staleness = pipeline_nodes(house.graph), Staleness(house.instance, house.graph)
    again, waiting = made_before(nodes, staleness, house.graph)
    return [str(node) for node in again], {str(node): str(parent) for node, parent in waiting.items()}


def test_a_refresh_leaves_alone_what_was_never_made_and_what_is_made_from_it(made_once: House) -> None:
    made_once.use(fake_method.fake_profile())
    everything = [str(node) for node in pipeline_nodes(made_once.graph)]
    assert again_and_waiting(made_once) == (everything, {})

    made_once.use(fake_method.fake_profile(**MORE_MODELS))
    again, waiting = again_and_waiting(made_once)
    assert not any(model in node for node in again for model in NEW_MODELS)
    assert list(waiting) == ["leaderboard", "report"]
    assert any(model in waiting["leaderboard"] for model in NEW_MODELS)
    assert waiting["report"] == "leaderboard"
    assert set(again) == set(everything) - {"leaderboard", "report"}


@pytest.mark.slow
def test_more_models_are_made_of_what_is_there(made: House) -> None:
    made.use(fake_method.fake_profile(**MORE_MODELS))
    before = len(fake_method.calls())
    done = made.make()
    assert sorted(done) == sorted(
        [
            *(f"checkpoints {model}" for model in NEW_MODELS),
            *(f"processbench {model}|{subset}" for model in NEW_MODELS for subset in ("short", "long")),
            "judged_otherwise tiny.main.full.as-cot",
            "judged_otherwise tiny.main.full.as-text",
            "leaderboard",
            "report",
        ]
    )
    assert set(fake_method.calls()[before:]) == {"checkpoints", "processbench", "head", "think"}
    f1 = {
        row.model: row.value
        for row in f1_rows(profile_store("fake").read(Measure, "leaderboard"))
        if row.votes == 1
    }
    assert f1["tiny.main.full.as-cot"] == f1["tiny.main.full.50pct"] == 100
    assert f1["tiny.main.discriminative"] == 0, "it leaves no right solution alone"
    assert f1["tiny.main.think"] == 0, "nor does this one"
    trained = {model: read_manifest(checkpoint_directory(model)) for model in ("tiny.main.full", *NEW_MODELS)}
    assert {model: known.inference_mode for model, known in trained.items() if known} == {
        "tiny.main.full": "full",
        "tiny.hard.full": "full",
        "tiny.main.full.50pct": "full",
        "tiny.main.discriminative": None,
        "tiny.main.think": None,
    }

    adaptive = {**MORE_MODELS, "evaluation": {"other_modes": ["cot", "text", "adaptive"]}}
    made.use(fake_method.fake_profile(**adaptive))
    assert made.make() == ["judged_otherwise tiny.main.full.as-adaptive", "leaderboard", "report"]
    adaptive["evaluation"]["verifier"] = {"tau": 0.2}
    made.use(fake_method.fake_profile(**adaptive))
    assert made.late() == ["judged_otherwise tiny.main.full.as-adaptive", "leaderboard"]

    made.use(fake_method.fake_profile(**MORE_MODELS, consensus={"mask_code_output": True}))
    late = made.late()
    assert "checkpoints tiny.main.full.50pct" in late
    assert not any(name.startswith("judged_otherwise") for name in late), "its checkpoint is there"
    made.use(fake_method.fake_profile())
    assert made.late() == ["leaderboard"]


def checkpoint_directory(model: str) -> Path:
    (found,) = (profile_store("fake").folder("checkpoints", model)).glob("*/genprm.json")
    return found.parent


@pytest.mark.slow
def test_a_model_is_trained_further_from_the_full_one(made: House) -> None:
    further = {"training": {"rl": {"updates": 2}}}
    made.use(fake_method.fake_profile(**further))
    done = made.make()
    own = ["checkpoints tiny.main.full.rl", *(f"processbench tiny.main.full.rl|{one}" for one in ("short", "long"))]
    assert sorted(done) == sorted([*own, "leaderboard", "report"])
    directory = checkpoint_directory("tiny.main.full.rl")
    manifest = read_manifest(directory)
    assert manifest is not None
    assert manifest.base == str(checkpoint_directory("tiny.main.full"))

    # Where the full one is not there, or is being made, a copy with the same weights serves.
    full = checkpoint_directory("tiny.main.full")
    weights = (full / "model.safetensors").read_bytes()
    shutil.rmtree(full)
    further["training"]["rl"]["updates"] = 3
    made.use(fake_method.fake_profile(**further))
    made.make("checkpoints tiny.main.full.rl")
    (copy,) = directory.parent.glob("full-*")
    assert copy.name == f"full-{full.name}"
    assert (copy / "model.safetensors").read_bytes() == weights


@pytest.mark.slow
def test_identical_labels_stop_the_wave(made: House) -> None:
    made.use(fake_method.fake_profile(labels={"epsilon": 0.75}))
    assert made.make() == ["rpe_labels 0-of-2|main", "rpe_labels 1-of-2|main"]


@pytest.mark.slow
def test_best_of_n_is_drawn_once_and_topped_up(made: House) -> None:
    """The fake judge knows what is wrong in trained models, so its choice of 4 is as good as any can be."""
    scaling = {"sets": ["algebra", "counting"], "candidates": 4}
    made.use(fake_method.fake_profile(scaling=scaling))
    done = made.make()
    assert [name for name in done if name.startswith("candidates")] == ["candidates algebra", "candidates counting"]
    assert len([name for name in done if name.startswith("best_of_n")]) == 10
    measures = profile_store("fake").read(Measure, "leaderboard")
    found = {(row_caption(row), column_caption(row)): row.value for row in measures}
    assert found["tiny.main.full best, min", "algebra: N = 4"] == 100
    assert found["tiny.main.full weighted vote, min", "algebra: N = 4"] == 100
    assert found["tiny.untrained best, min", "algebra: N = 1"] == 50
    assert found["majority", "algebra: N = 4"] == 100, "two against two: the answer drawn first"
    claims = {claim.name: claim.difference for claim in profile_store("fake").read(Claim, "claims")}
    assert claims["tiny.main.full best of 4 - majority"] == 0
    drawn = fake_method.calls().count("candidates")
    assert drawn == 2 * 3 * 4

    made.use(fake_method.fake_profile(scaling={**scaling, "candidates": 8}))
    assert {name.split()[0] for name in made.late()} == {"candidates"}
    made.make()
    assert fake_method.calls().count("candidates") == 2 * drawn, "those that were there are kept"
    made.use(fake_method.fake_profile(scaling={**scaling, "candidates": 8, "votes": 2}))
    assert {name.split()[0] for name in made.late()} == {"best_of_n"}
    made.use(fake_method.fake_profile(scaling={**scaling, "candidates": 8, "aggregate": "mean"}))
    assert made.make() == ["leaderboard", "report"]


@pytest.mark.slow
def test_searches_leave_what_was_made_before_as_it_is_and_keep_what_they_found(made: House) -> None:
    scaling = {"sets": ["algebra"], "candidates": 4}
    search = {"sets": ["algebra"], "methods": ["majority", "beam"], "budgets": [1, 4]}
    made.use(fake_method.fake_profile(scaling=scaling))
    made.make()
    assert made.late() == []
    made.use(fake_method.fake_profile(scaling=scaling, search=search))
    partitions = ["search beam|algebra", "search majority|algebra"]
    assert sorted(made.make()) == ["leaderboard", "report", *partitions]
    # Three problems; a candidate has 7 tokens, so the policy has 28 on the largest budget.
    assert made.spent("search") == Spending(2, 2, 2 * 3 * 4, 2 * 3 * 3, 2 * 3 * (28 + 2), None)
    accuracy = {
        (row.setting, row.n): row.value
        for row in profile_store("fake").read(Measure, "leaderboard")
        if row.table is MeasureTable.SEARCH and row.metric is Metric.ACCURACY
    }
    assert accuracy == {("majority", 1): 0, ("majority", 4): 100, ("beam", 1): 100, ("beam", 4): 100}

    made.use(fake_method.fake_profile(scaling=scaling, search={**search, "budgets": [1, 4, 8]}))
    assert sorted(made.late()) == partitions
    before = fake_method.calls().count("searches")
    made.make()
    assert fake_method.calls().count("searches") == before + 2 * 3, "what was found on other budgets is kept"


@pytest.mark.slow
def test_every_table_and_ordering_appears_where_it_is_asked_for(made: House) -> None:
    """The fake verifier finds what is wrong, and the fake policy needs two rewrites to make it right."""
    refinement = {"sets": ["algebra"], "solutions": 2, "turns": 3}
    everything = {
        "labels": {"variants": {"hard": {"estimator": "hard"}}},
        "training": {**MORE_MODELS["training"], "modes": ["full", "cot", "direct"]},
        "evaluation": {"other_modes": ["direct", "cot", "text"]},
        "scaling": {"sets": ["algebra"], "candidates": 4},
        "search": {"sets": ["algebra"], "methods": ["majority", "beam"], "budgets": [2]},
    }
    made.use(fake_method.fake_profile(**everything, refinement=refinement))
    done = made.make()
    assert [name for name in done if name.startswith("refinement")] == ["refinement algebra"]
    rankers = {name.removeprefix("best_of_n ") for name in done if name.startswith("best_of_n")}
    trained = (f"main.{mode}" for mode in ("full", "cot", "direct", "discriminative", "think"))
    assert rankers == {*(f"tiny.{name}|algebra" for name in (*trained, "untrained")), "rationale|algebra"}
    measures = profile_store("fake").read(Measure, "leaderboard")
    assert {row.table for row in measures} == set(MeasureTable)
    assert {claim.name for claim in profile_store("fake").read(Claim, "claims")} == {
        "full - untrained",
        "full - direct",
        "full - discriminative",
        "full - think",
        "full - cot",
        "full: code run - not run",
        "full Maj - Pass@1",
        "labels main - hard",
        "labels main - hard, quality",
        "tiny.main.full weighted vote of 4 - majority",
        "tiny.main.full calibrated weighted vote of 4 - majority",
        "tiny.main.full calibrated best of 4 - majority",
        "tiny.main.full best of 4: calibrated - as it is",
        *(f"tiny.main.full best of 4 - {other}" for other in ("majority", "direct", "discriminative", "think")),
        *(f"adaptive (tiny.main{name}) - full" for name in (".full, three modes", ", three models")),
        *(f"full - adaptive (tiny.main{name})" for name in (".full, three modes", ", three models")),
        *(f"algebra: tiny.main.full critic - {other}, after the last turn" for other in ("self", "tiny.untrained")),
        "algebra: beam - majority, budget of 2 solutions",
    }
    page = (made.home / "fake" / "report" / "index.html").read_text()
    assert all(title in page for title in (*TITLES.values(), "not decided", "does not hold", "holds"))
    refined = [row for row in measures if row.table is MeasureTable.REFINEMENT and row.model == "tiny.main.full"]
    assert [row.value for row in refined if row.turn is not None] == [50, 50, 100, 100]
    counts = {row.metric: row.value for row in refined if row.turn is None}
    assert [counts[one] for one in (Metric.MADE_RIGHT, Metric.MADE_WRONG, Metric.BLAMED)] == [3, 0, 3]
    counted = fake_method.calls()
    assert counted.count("rewrites") == 3 * 2, "three wrong solutions, two turns; both verifiers say the same"
    assert made.spent("candidates") == Spending(1, 1, 3 * 4, 3 * 4, 3 * 4 * 7, None)
    # Six solutions for the policy; for each verifier three of them twice more. Then the rewrites.
    critiques = 6 + 2 * (6 + 3 + 3)
    of_refinement = (critiques + 12, 2 * critiques + 3 * 12, 3 * critiques + 4 * 12, critiques)
    assert made.spent("refinement") == Spending(1, 1, *of_refinement)

    made.use(fake_method.fake_profile(**everything, refinement={**refinement, "turns": 2}))
    assert made.late() == ["refinement algebra"]
    made.make()
    assert fake_method.calls() == counted, "fewer turns find everything in the journal"
    made.use(fake_method.fake_profile(**everything, refinement={**refinement, "request": "Again."}))
    assert made.late() == ["refinement algebra"]
    made.make()
    assert set(fake_method.calls()[len(counted) :]) == {"critiques", "rewrites"}
