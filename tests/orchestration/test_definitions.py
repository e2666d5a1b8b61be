"""What Dagster loads: for every shipped profile, without weights, and without heavy imports."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import dagster as dg
import pytest

from assets.partitions import Pipeline
from genprm.profiles import build_profile, load_profile, shipped_profiles
from genprm.settings import SettingsError
from orchestration.assembly import build_definitions
from orchestration.dagster_private import sent_to_pages

SPECS = {
    "parameters/problems": ("parameters", None, []),
    "parameters/solutions": ("parameters", None, []),
    "parameters/monte_carlo": ("parameters", None, []),
    "parameters/labels": ("parameters", None, []),
    "parameters/rationales": ("parameters", None, []),
    "parameters/consensus": ("parameters", None, []),
    "parameters/training": ("parameters", None, []),
    "parameters/evaluation": ("parameters", None, []),
    "problems": ("solutions", None, ["parameters/problems"]),
    "solutions": ("solutions", 2, ["parameters/solutions", "problems"]),
    "mc_scores": ("labels", 2, ["parameters/monte_carlo", "solutions"]),
    "rpe_labels": ("labels", 4, ["mc_scores", "parameters/labels"]),
    "rationales": ("rationales", 2, ["parameters/rationales", "solutions"]),
    "filtered_set": ("rationales", 4, ["rationales", "rpe_labels"]),
    "label_quality": ("rationales", 2, ["filtered_set", "rpe_labels", "solutions"]),
    "training_set": (
        "training",
        2,
        ["filtered_set", "parameters/consensus", "parameters/rationales", "rationales"],
    ),
    "checkpoints": ("training", 5, ["parameters/training", "training_set"]),
    "evaluation_set": ("evaluation", None, ["parameters/evaluation"]),
    "processbench": ("evaluation", 10, ["checkpoints", "evaluation_set", "parameters/evaluation"]),
    "leaderboard": (
        "evaluation",
        None,
        [
            "checkpoints",
            "evaluation_set",
            "label_quality",
            "parameters/evaluation",
            "problems",
            "processbench",
            "solutions",
        ],
    ),
    "report": ("evaluation", None, ["leaderboard", "mc_scores"]),
}
SPECS["refresh"] = ("refresh", None, sorted(name for name in SPECS if name.startswith("parameters/")))
"""Asset -> group, number of partitions, dependencies, of the miniature."""


FULL_SPECS = {
    **SPECS,
    "parameters/scaling": ("parameters", None, []),
    "parameters/refinement": ("parameters", None, []),
    "refresh": ("refresh", None, sorted([*SPECS["refresh"][2], "parameters/refinement", "parameters/scaling"])),
    "rpe_labels": ("labels", 16, ["mc_scores", "parameters/labels"]),
    "filtered_set": ("rationales", 16, ["rationales", "rpe_labels"]),
    "label_quality": ("rationales", 8, SPECS["label_quality"][2]),
    "training_set": ("training", 8, SPECS["training_set"][2]),
    "checkpoints": ("training", 17, ["parameters/training", "training_set"]),
    "processbench": ("evaluation", 34, ["checkpoints", "evaluation_set", "parameters/evaluation"]),
    "judged_otherwise": ("evaluation", 7, ["checkpoints", "evaluation_set", "parameters/evaluation"]),
    "candidates": ("scaling", 1, ["parameters/scaling"]),
    "best_of_n": ("scaling", 8, ["candidates", "checkpoints", "parameters/scaling"]),
    "refinement": ("scaling", 1, ["candidates", "checkpoints", "parameters/refinement"]),
    "leaderboard": (
        "evaluation",
        None,
        sorted(
            [
                *SPECS["leaderboard"][2],
                "best_of_n",
                "candidates",
                "judged_otherwise",
                "parameters/scaling",
                "refinement",
            ]
        ),
    ),
}
"""The same of the miniature with every table."""


@pytest.mark.parametrize(("name", "specs"), [("miniature", SPECS), ("miniature-full", FULL_SPECS)])
def test_specs_of_the_miniature(name: str, specs: dict[str, Any]) -> None:
    graph = build_definitions(load_profile(name)).resolve_asset_graph()
    found = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        partitions = node.partitions_def if node.is_materializable else None
        count = partitions.get_num_partitions() if partitions else None
        found[key.to_user_string()] = (node.group_name, count, sorted(p.to_user_string() for p in node.parent_keys))
    assert found == specs


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_profile_loads_without_weights(name: str) -> None:
    definitions = build_definitions(load_profile(name))
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description
        assert node.owners
        assert node.kinds
        if node.is_materializable and node.partitions_def is not None:
            checks = {check.name for check in graph.get_check_keys_for_assets({key})}
            assert "in_sync" in checks


@pytest.mark.parametrize("name", shipped_profiles())
def test_no_partition_has_so_many_parents_that_dagster_stops_looking(name: str) -> None:
    from orchestration.schedule import pipeline_nodes
    from orchestration.staleness import Staleness

    graph = build_definitions(load_profile(name)).resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        staleness = Staleness(instance, graph)
        for node in pipeline_nodes(graph):
            parents = [parent.asset for parent in staleness.parents(node)]
            assert max(parents.count(asset) for asset in parents) < 100


def test_importing_definitions_is_light() -> None:
    script = (
        "import sys, orchestration.definitions, orchestration.commands\n"
        "heavy = {'torch', 'vllm', 'transformers', 'trl', 'datasets', 'mlflow', 'pandas', 'matplotlib', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "GENPRM_PROFILE": ""},
    )
    assert done.stdout.strip() == "[]"


def test_a_shard_key_names_the_number_of_shards() -> None:
    three = Pipeline(build_profile({"name": "p", "problems": {"shards": 3}}))
    assert three.shards.get_partition_keys() == ["0-of-3", "1-of-3", "2-of-3"]
    twelve = Pipeline(build_profile({"name": "p", "problems": {"shards": 12}}))
    assert twelve.shards.get_partition_keys()[-2:] == ["10-of-12", "11-of-12"]


def test_too_many_results_are_refused_before_anything_runs() -> None:
    variants = {f"v{n}": {"estimator": "ratio"} for n in range(24)}
    values = {"name": "p", "labels": {"variants": variants}, "training": {"variants": list(variants)}}
    with pytest.raises(SettingsError, match=r"112 results.*at most 99"):
        build_definitions(build_profile(values))


@pytest.mark.parametrize("name", shipped_profiles())
def test_the_pages_can_be_sent_all_that_is_defined(name: str) -> None:
    """Every asset, check, job, sensor and resource with its metadata: one that cannot be sent empties the pages."""
    sent = sent_to_pages(build_definitions(load_profile(name)))
    assert '"training_set"' in sent
