"""The paper's tables from measures that are made up: which rows there are, and what stands beside them."""

from __future__ import annotations

from typing import Any

import pytest

from genprm.lineup import Lineup
from genprm.profiles import build_profile
from genprm.records import Prediction
from genprm.results.captions import column_caption, row_caption
from genprm.results.measures import MEAN, Measure, Metric, Table, Unit
from genprm.results.paper_tables import PaperTables

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


def percent(table: Table, metric: Metric, value: float, **fields: Any) -> Measure:
    return Measure(table=table, metric=metric, value=value, unit=Unit.PERCENT, count=9, **fields)


def tables(values: dict[str, Any]) -> dict[Table, dict[str, dict[str, float]]]:
    """Table -> row -> column -> value, for models whose F1 is their place in the profile."""
    lineup = Lineup(build_profile(values))
    rows = [percent(Table.LABELS, Metric.EXACT_FIRST_ERROR, 70.0, variant=name) for name in ("main", "hard", "odd")]
    for place, model in enumerate(lineup.judges):
        for votes in (1, 2):
            own = {"model": model.key, "votes": votes}
            rows.append(percent(Table.JUDGES, Metric.F1, place, low=place - 1, high=place + 1, subset=MEAN, **own))
            rows.append(percent(Table.JUDGES, Metric.F1, place + 0.5, subset="math", **own))
    predictions = {model.key: [prediction(2)] for model in lineup.judges}
    conversations = {model.key: 40 for model in lineup.models}
    found: dict[Table, dict[str, dict[str, float]]] = {}
    for row in PaperTables(lineup, rows, predictions, conversations).rows():
        found.setdefault(row.table, {}).setdefault(row_caption(row), {})[column_caption(row)] = row.value
    return found


def test_the_paper_stands_beside_the_models_that_it_has() -> None:
    found = tables(VALUES)[Table.PROCESSBENCH]
    assert found["b.main.full Maj@2"] == {"math": 0.5, "mean": 0.0}, "the paper votes over 8"
    full = {"math": 0.5, "mean": 0.0, "paper math": 80.3, "paper mean": 75.2}
    assert found["b.main.full Pass@1"] == full
    assert found["b.main.direct Pass@1"] == {"math": 2.5, "mean": 2.0, "paper math": 65.8, "paper mean": 60.0}
    assert {"b.main.think Pass@1", "b.main.think Maj@2", "b.main.discriminative Pass@1"} <= set(found)
    assert set(found["b.main.think Pass@1"]) == {"math", "mean"}, "the paper has no such row"
    assert set(found["b.hard.full Pass@1"]) == set(found["b.main.full.as-direct Pass@1"]) == {"math", "mean"}


def test_every_label_setting_is_a_row_and_only_trained_ones_have_f1() -> None:
    found = tables(VALUES)[Table.LABEL_SETTINGS]
    assert list(found) == ["ratio >= 0.8 (main)", "MC > 0 (hard)", "ratio >= 0.77 (odd)"]
    assert found["MC > 0 (hard)"]["paper F1 Pass@1"] == 73.2
    assert found["MC > 0 (hard)"]["F1 Pass@1"] == 4.0
    assert found["ratio >= 0.77 (odd)"] == {"labels: exact first error": 70.0}


def test_components_data_size_and_tokens() -> None:
    found = tables(VALUES)
    components = {name: row.get("paper F1 Maj@8") for name, row in found[Table.COMPONENTS].items()}
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
    sizes = [(name, row["conversations"], row["paper F1 Pass@1"]) for name, row in found[Table.DATA_SIZE].items()]
    assert sizes == [("b.main.full.25pct, 25 %", 40, 71.7), ("b.main.full, 100 %", 40, 75.2)]
    bought = {name: row.pop("F1 per 1,000 tokens", None) for name, row in found[Table.TOKENS].items()}
    assert found[Table.TOKENS]["b.main.full"] == {"per step": 15.0, "per response": 30.0}
    assert found[Table.TOKENS]["b.main.think"] == {"per response": 30.0}, "it judges no step by itself"
    f1 = found[Table.PROCESSBENCH]["b.main.think Pass@1"]["mean"]
    assert bought["b.main.think"] == pytest.approx(f1 / 0.030)
    assert "b.main.discriminative" not in found[Table.TOKENS]


def test_a_profile_without_ablations_has_no_table_of_them() -> None:
    plain = {**VALUES, "training": {"base": {"b": "hub/b"}}, "evaluation": {"votes": 2, "subsets": ["math"]}}
    assert set(tables(plain)) == {Table.PROCESSBENCH, Table.TOKENS}
