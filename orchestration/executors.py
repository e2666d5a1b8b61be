"""Where steps execute in runs that Dagster launches itself, from its web pages or for a backfill.

`genprm run` and the jobs of the stages hand their partitions to the workers of a crew instead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import dagster as dg

from assets.artifact import Artifact
from assets.partitions import Pipeline
from genprm.settings import Profile
from orchestration.home import handed_on
from orchestration.hosts import tagging
from orchestration.needs import needs_of

RAY_TAG = "dagster-ray/config"
"""The tag of a step with the resources that dagster-ray requests from the cluster for it."""
IN_PROCESS = tagging(dg.in_process_executor)
"""Executes all steps in the process of the run."""
TRIES_AGAIN = 2
"""How often a failed step is tried again on the cluster. Dagster cannot tell a failed node from failing code."""


def executor_of(profile: Profile) -> dg.ExecutorDefinition:
    """Executes steps in the process of the run; or each as a job of the Ray cluster, on a node with what it needs.

    Raises:
        ModuleNotFoundError: the profile is for Ray, and dagster-ray is not installed.
    """
    if profile.runner.backend == "local":
        return IN_PROCESS
    from dagster_ray import ray_executor

    # All nodes have the same Python environment. A shell that did not activate it would not find `dagster`.
    path = f"PATH={Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    configured: dg.ExecutorDefinition = tagging(ray_executor).configured(
        {"ray": {"env_vars": [path, *sorted(handed_on())]}}, name="ray"
    )
    return configured


def define_placed(artifact: Artifact, pipeline: Pipeline) -> dg.AssetsDefinition:
    """The asset of an artifact; where the profile is for a cluster, its step requests the resources it needs."""
    if pipeline.profile.runner.backend == "local":
        return artifact.define(pipeline)
    needs = needs_of(artifact.name, pipeline.profile)
    asked = {"num_cpus": needs.cpus, "num_gpus": needs.gpus}
    return artifact.define(pipeline, {RAY_TAG: asked}, dg.RetryPolicy(max_retries=TRIES_AGAIN))
