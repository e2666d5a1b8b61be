"""The paper's tables from measures that are made up: which rows there are, and what stands beside them."""

from __future__ import annotations

from typing import Any

from assets.partitions import Pipeline
from genprm.profiles import build_profile
from genprm.records import Measure, Prediction
from genprm.results.claims import JUDGES
from genprm.results.paper_tables import COMPONENTS, DATA_SIZE, LABELS, PROCESSBENCH, TOKENS, table_measures
from genprm.results.pivot import pivot

VALUES: dict[str, Any] = {
    "name": "p",
    "labels": {"variants": {"hard": {"estimator": "hard"}, "odd": {"estimator": "ratio", "epsilon": 0.77}}},
    "training": {
        "base": {"b": "hub/b"},
        "modes": ["full", "cot", "direct", "code"],
        "variants": ["main", "hard"],
        "shares": [0.25],
        "discriminative": True,
        "think": True,
    },
    "evaluation": {"subsets": ["math"], "votes": 2, "other_modes": ["text", "direct", "code_unrun"]},
}


def prediction(paths: int) -> Prediction:
    rewards = [[0.9, 0.9]] * paths
    return Prediction("c", "math", "g", "p", ["a", "b"], True, -1, -1, [0.9, 0.9], rewards, 30 * paths, 0)


def tables(values: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Group -> row -> column -> value, for models whose F1 is their place in the profile."""
    pipeline = Pipeline(build_profile(values))
    rows = [
        Measure("labels", name, "exact first error", 70.0, None, None, "%", 5) for name in ("main", "hard", "odd")
    ]
    for place, model in enumerate(pipeline.judges):
        for way in ("Pass@1", "Maj@2"):
            rows.append(Measure(JUDGES, model.key, f"F1 {way}", place, place - 1, place + 1, "%", 9))
            rows.append(Measure(JUDGES, model.key, f"math: F1 {way}", place + 0.5, None, None, "%", 9))
    predictions = {model.key: [prediction(2)] for model in pipeline.judges}
    conversations = {model.key: 40 for model in pipeline.models}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in table_measures(pipeline, rows, predictions, conversations):
        found.setdefault(row.group, {}).setdefault(row.subject, {})[row.name] = row.value
    return found


def test_the_paper_stands_beside_the_models_that_it_has() -> None:
    found = tables(VALUES)[PROCESSBENCH]
    assert found["b.main.full Maj@2"] == {"math": 0.5, "mean": 0.0}, "the paper votes over 8"
    full = {"math": 0.5, "mean": 0.0, "paper math": 80.3, "paper mean": 75.2}
    assert found["b.main.full Pass@1"] == full
    assert found["b.main.direct Pass@1"] == {"math": 2.5, "mean": 2.0, "paper math": 65.8, "paper mean": 60.0}
    assert {"b.main.think Pass@1", "b.main.think Maj@2", "b.main.discriminative Pass@1"} <= set(found)
    assert set(found["b.main.think Pass@1"]) == {"math", "mean"}, "the paper has no such row"
    assert set(found["b.hard.full Pass@1"]) == set(found["b.main.full.as-direct Pass@1"]) == {"math", "mean"}


def test_every_label_setting_is_a_row_and_only_trained_ones_have_f1() -> None:
    found = tables(VALUES)[LABELS]
    assert list(found) == ["ratio >= 0.8 (main)", "MC > 0 (hard)", "ratio >= 0.77 (odd)"]
    assert found["MC > 0 (hard)"]["paper F1 Pass@1"] == 73.2
    assert found["MC > 0 (hard)"]["F1 Pass@1"] == 4.0
    assert found["ratio >= 0.77 (odd)"] == {"labels: exact first error": 70.0}


def test_components_data_size_and_tokens() -> None:
    found = tables(VALUES)
    components = {name: row.get("paper F1 Maj@8") for name, row in found[COMPONENTS].items()}
    assert components == {
        "trained full, judging full": 80.5,
        "trained cot, judging cot": 78.8,
        "trained direct, judging direct": 60.0,
        "trained full, judging text": 79.9,
        "trained full, judging direct": None,
        "trained full, judging code_unrun": 61.5,
        "trained code, judging code": 69.6,
        "trained code, judging code_unrun": 64.2,
    }
    sizes = [(name, row["conversations"], row["paper F1 Pass@1"]) for name, row in found[DATA_SIZE].items()]
    assert sizes == [("b.main.full.25pct, 25 %", 40, 71.7), ("b.main.full, 100 %", 40, 75.2)]
    assert found[TOKENS]["b.main.full"] == {"per step": 15.0, "per response": 30.0}
    assert found[TOKENS]["b.main.think"] == {"per response": 30.0}, "it judges no step by itself"
    assert "b.main.discriminative" not in found[TOKENS]


def test_a_profile_without_ablations_has_no_table_of_them() -> None:
    plain = {**VALUES, "training": {"base": {"b": "hub/b"}}, "evaluation": {"votes": 2, "subsets": ["math"]}}
    assert set(tables(plain)) == {PROCESSBENCH, TOKENS}


def test_a_pivot_has_a_row_for_each_subject() -> None:
    rows = [
        Measure("g", "a", "F1", 50.0, 40.0, 60.0, "%", 7),
        Measure("g", "b", "paper F1", 8.0, None, None, "%", 3400),
        Measure("g", "a", "conversations", 40.0, None, None, "count", 9),
    ]
    assert pivot(rows) == (
        ["F1", "paper F1", "conversations", "n"],
        [("a", ["50.0 (40.0 to 60.0)", "", "40", "9"]), ("b", ["", "8.0", "", ""])],
    )
    assert pivot(rows, intervals=False).rows[0][1][0] == "50.0"
