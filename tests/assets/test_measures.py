"""Measures against cases worked out by hand."""

from __future__ import annotations

import pytest

from assets.judging import votes_of
from assets.parameters import directory_version
from assets.partitions import Pipeline
from assets.publish import examples
from genprm.intervals import Difference, Interval
from genprm.profiles import build_profile
from genprm.records import FilterDecision, Measure, StepLabels
from genprm.results.claims import DIFFERENCES, compared, notes, orderings
from genprm.results.label_quality import LabelHit, against_truth, compare_hits, filter_shares, label_shares


def labelled(name: str, labels: list[int]) -> StepLabels:
    first = labels.index(0) if 0 in labels else -1
    return StepLabels(name, "ratio", 0.8, [float(label) for label in labels], labels, first)


LABELS = [
    labelled("found", [1, 0, 0]),  # the truth is step 1: a hit
    labelled("early", [0, 1, 0]),  # the truth is step 2: a false alarm at 0, and a hit
    labelled("missed", [1, 1, 1]),  # the truth is step 2: a miss
    labelled("right", [1, 0, 1]),  # no step is wrong: a false alarm
    labelled("clean", [1, 1]),  # no step is wrong
    labelled("unclear", [0, 0]),  # nothing is claimed
]
TRUTH = {"found": 1, "early": 2, "missed": 2, "right": -1, "clean": -1}


def test_labels_against_truth_up_to_the_first_wrong_step() -> None:
    kept = [FilterDecision(name, True, "agree", first, first) for name, first in (("found", 1), ("missed", -1))]
    found = {row.name: (row.value, row.count) for row in against_truth("main", LABELS, kept, TRUTH)}
    assert found["exact first error"] == (40.0, 5)
    assert found["precision"] == (50.0, 4)  # 2 hits among 4 zeros that count
    assert found["recall"] == (100 * 2 / 3, 3)
    assert round(found["F1"][0], 6) == round(2 * 50 * (200 / 3) / (50 + 200 / 3), 6)
    assert found["exact first error in the kept"] == (50.0, 2)


def test_shares_of_labels_and_reasons() -> None:
    assert [(row.name, row.value) for row in label_shares("main", LABELS)] == [
        ("steps labelled wrong", 100 * 7 / 16),
        ("solutions with a wrong step", 100 * 4 / 6),
    ]
    decisions = [FilterDecision(str(n), n < 3, "agree" if n < 3 else "different_step", 0, 0) for n in range(4)]
    reasons = {row.name: row.value for row in filter_shares("main", decisions)}
    assert reasons["filter: agree"] == 75.0
    assert reasons["filter: different_step"] == 25.0
    assert sum(reasons.values()) == 100.0


def test_each_ordering_that_does_not_show_gets_one_line() -> None:
    def difference(name: str, value: float, low: float, high: float, measure: str = "F1") -> Measure:
        return Measure(DIFFERENCES, name, measure, value, low, high, "points", 100)

    rows = [
        difference("full - untrained", 9.0, 4.0, 14.0),
        difference("full - direct", 3.0, -1.0, 7.0),
        difference("full - cot", -0.5, -4.0, 3.0),
        difference("full Maj - Pass@1", -2.0, -3.0, -1.0),
        difference("adaptive - full", -2.0, -3.0, -1.0, "F1, no worse"),
        difference("slow - full", -7.0, -9.0, -6.0, "F1, no worse"),
    ]
    lines = [line.split(" (")[0] for line in notes(rows)]
    assert lines == [
        "Not decided: full - direct",
        "Not decided: full - cot",
        "Does not hold: full Maj - Pass@1",
        "Does not hold: slow - full",
    ]


def test_a_claim_shows_both_sides_and_what_the_paper_has() -> None:
    difference = Difference(10.0, Interval(2.0, 18.0))
    rows = compared("full - direct", "F1", difference, {"full": 60.0, "direct": 50.0}, 200, (75.2, 60.0))
    (found,) = orderings(rows)
    assert found == (
        "full - direct",
        "F1",
        "full 60.0",
        "direct 50.0",
        "+10.0 points",
        "+2.0 to +18.0",
        200,
        "holds",
        "75.2 and 60.0",
    )


def test_label_hits_of_a_problem_are_drawn_together() -> None:
    """Four problems with two solutions each; main finds all, hard those of three problems."""
    ours = [LabelHit(f"s{n}", f"p{n // 2}", True) for n in range(8)]
    theirs = [LabelHit(f"s{n}", f"p{n // 2}", n < 6) for n in range(8)]
    difference, first, second = compare_hits(("main", ours), ("hard", theirs), 2000)
    assert (difference.value, first.value, second.value) == (25.0, 100.0, 75.0)
    assert difference.low is not None
    assert difference.low % 25 == 0, "a problem brings both of its solutions"
    with pytest.raises(ValueError, match="same solutions"):
        compare_hits(("main", ours), ("hard", theirs[::-1]), 100)


def test_a_model_directory_is_its_weights_and_not_its_notes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "model.safetensors").write_bytes(b"one")
    (tmp_path / "genprm.json").write_text("{}")
    before = directory_version(tmp_path)
    (tmp_path / "genprm.json").write_text('{"steps": 3}')
    assert directory_version(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert directory_version(tmp_path) != before


def test_models_of_a_profile() -> None:
    training = {"base": {"r1-distill-1.5b": "hub/small"}, "modes": ["full", "direct"]}
    keys = [model.key for model in Pipeline(build_profile({"name": "p", "training": training})).models]
    assert keys == [
        "r1-distill-1.5b.main.full",
        "r1-distill-1.5b.main.direct",
        "r1-distill-1.5b.untrained",
        "rationale",
    ]


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
    pipeline = Pipeline(build_profile(values))
    found = {model.key: (model.checkpoint, model.judging, votes_of(pipeline, model)) for model in pipeline.judges}
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
    assert pipeline.judging_with() == {
        "b.main.full": ["b.main.full.as-cot", "b.main.full.as-code_unrun"],
        "b.main.code": ["b.main.code.as-code_unrun"],
    }


def test_examples_are_one_markdown_row_each_whatever_they_contain() -> None:
    table = examples([{"steps": ["a | b", "c\nd"], "rewards": [0.123456, 1.0]}]).value
    assert table == "| steps | rewards |\n|---|---|\n| a \\| b<br>c<br>d | 0.123, 1 |"
