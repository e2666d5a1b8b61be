"""What tracked runs are told: the values that decide them, and no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from assets.deciding import decided_by
from assets.partitions import Pipeline
from genprm.profiles import load_profile


def decided(artifact: str, key: str | None, *changes: str, profile: str = "miniature") -> dict[str, Any]:
    pipeline = Pipeline(load_profile(profile, list(changes)))
    model = None if key is None else pipeline.lineup.model(key)
    context: Any = SimpleNamespace(pipeline=pipeline, artifact=artifact)
    return decided_by(context, model)


@pytest.mark.parametrize("artifact", ["checkpoints", "processbench"])
@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("labels", "epsilon", 0.4), ("monte_carlo", "seed", 7), ("problems", "limit", 24), ("training", "epochs", 9)],
)
def test_a_changed_value_is_all_that_differs(artifact: str, section: str, name: str, value: Any) -> None:
    before = decided(artifact, "miniature.main.full")
    after = decided(artifact, "miniature.main.full", f"{section}.{name}={value}")
    assert after[section].pop(name) == value != before[section].pop(name)
    assert after == before


def test_a_reference_is_decided_by_its_weights_and_by_how_it_judges() -> None:
    assert set(decided("checkpoints", "miniature.untrained")) == {"training"}
    assert set(decided("processbench", "miniature.untrained")) == {"training", "evaluation"}


def test_every_tracked_run_of_every_model_has_such_values() -> None:
    lineup = Pipeline(load_profile("miniature-full")).lineup
    judging = {
        "checkpoints": lineup.models,
        "processbench": lineup.models,
        "judged_otherwise": lineup.otherwise,
        "best_of_n": lineup.rankers,
    }
    for artifact, models in judging.items():
        assert models
        for model in models:
            assert decided(artifact, model.key, profile="miniature-full")["training"]["weights"]
    assert {"refinement", "scaling"} <= set(decided("refinement", None, profile="miniature-full"))


def test_tau_decides_only_those_that_judge_adaptively() -> None:
    lineup = Pipeline(load_profile("miniature-full")).lineup
    for model in lineup.otherwise:
        has_tau = "tau" in decided("judged_otherwise", model.key, profile="miniature-full")["evaluation"]
        assert has_tau == (model.mode == "adaptive")
