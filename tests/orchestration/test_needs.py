"""What artifacts need of a node: GPUs where a model is opened or trained, else a processor."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import dagster as dg
import fake_method
import pytest

from orchestration.assembly import build_definitions
from orchestration.needs import Needs, needs_of, trains

VLLM = {"backend": "vllm", "replicas": 2, "tensor_parallel": 2}
FOUR = {"processes": 4, "batch_size": 4, "device_batch_size": 1}


@pytest.mark.parametrize(
    ("artifact", "sections", "needs"),
    [
        ("solutions", {}, Needs(cpus=1, gpus=1)),
        ("solutions", {"engine": VLLM}, Needs(cpus=1, gpus=4)),
        ("solutions", {"engine": {"backend": "openai"}}, Needs(cpus=1, gpus=0)),
        ("checkpoints", {"engine": VLLM, "training": FOUR}, Needs(cpus=1, gpus=4)),
        ("checkpoints", {"engine": {"backend": "openai"}}, Needs(cpus=1, gpus=1)),
        ("rpe_labels", {"engine": VLLM}, Needs(cpus=1, gpus=0)),
        (None, {"engine": VLLM}, Needs(cpus=1, gpus=0)),
        ("refresh", {"engine": VLLM}, Needs(cpus=1, gpus=0)),
        ("solutions", {"engine": VLLM, "runner": {"gpus": False}}, Needs(cpus=4, gpus=0)),
        ("checkpoints", {"training": FOUR, "runner": {"gpus": False}}, Needs(cpus=4, gpus=0)),
        ("processbench", {"engine": {"backend": "openai"}, "runner": {"gpus": False}}, Needs(cpus=1, gpus=0)),
    ],
)
def test_what_artifacts_need(artifact: str | None, sections: dict[str, Any], needs: Needs) -> None:
    assert needs_of(artifact, fake_method.fake_profile(**sections)) == needs


def test_only_checkpoints_are_trained() -> None:
    assert trains("checkpoints")
    assert not any(trains(one) for one in ("training_set", "processbench", "rpe_labels", "refresh"))


def test_more_covers_less() -> None:
    assert Needs(gpus=2).cover(Needs(gpus=1))
    assert Needs(gpus=1).cover(Needs())
    assert not Needs(gpus=1).cover(Needs(cpus=2))
    assert not Needs(cpus=8).cover(Needs(gpus=1))


@pytest.fixture
def dagster_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for dagster-ray that has an executor with the same configuration."""
    module = ModuleType("dagster_ray")

    @dg.executor(name="ray", config_schema={"ray": dg.Permissive()})
    def ray_executor(context: dg.InitExecutorContext) -> Any:
        pytest.fail("no step is run here")

    vars(module)["ray_executor"] = ray_executor
    monkeypatch.setitem(sys.modules, "dagster_ray", module)


def test_steps_tell_dagster_ray_what_they_need(dagster_ray: None) -> None:
    profile = fake_method.fake_profile(engine=VLLM, training=FOUR, runner={"backend": "ray"})
    defs = build_definitions(profile)
    jobs = defs.resolve_implicit_global_asset_job_def()
    assert jobs.executor_def.name == "ray"
    asked = {
        node.name: json.loads(node.definition.tags["dagster-ray/config"])
        for node in jobs.nodes
        if "dagster-ray/config" in node.definition.tags
    }
    assert asked["solutions"] == {"num_cpus": 1, "num_gpus": 4}
    assert asked["rpe_labels"] == {"num_cpus": 1, "num_gpus": 0}
    made = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs() if spec.group_name in GROUPS}
    assert set(asked) == made
    in_process = ("make_everything", "make_data", "refresh_job", "sync_report")
    assert {defs.resolve_job_def(name).executor_def.name for name in in_process} == {"in_process"}


GROUPS = {"solutions", "labels", "rationales", "training", "evaluation"}


def test_without_a_cluster_steps_have_no_such_tags() -> None:
    defs = build_definitions(fake_method.fake_profile())
    job = defs.resolve_implicit_global_asset_job_def()
    assert job.executor_def.name == "in_process"
    assert not [node.name for node in job.nodes if "dagster-ray/config" in node.definition.tags]
