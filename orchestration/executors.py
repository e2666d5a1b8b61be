"""Where the steps go of runs that Dagster launches by itself, from its pages or for a backfill.

The jobs of the stages and `genprm run` do not come here: their workers are a crew's.
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
"""The tag of a step that says what dagster-ray asks of the cluster for it."""
IN_PROCESS = tagging(dg.in_process_executor)
"""All steps in the process of the run."""
TRIES_AGAIN = 2
"""How often a step begins again on the cluster. Dagster does not know whether the node failed or the code did."""


def executor_of(profile: Profile) -> dg.ExecutorDefinition:
    """In the process of the run; or each step as a job of the Ray cluster, on a node that has what it needs.

    Raises:
        ModuleNotFoundError: the profile is for Ray, and dagster-ray is not installed.
    """
    if profile.runner.backend == "local":
        return IN_PROCESS
    from dagster_ray import ray_executor

    # The nodes have the same environment of Python. A shell that did not activate it would not find `dagster`.
    path = f"PATH={Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    configured: dg.ExecutorDefinition = tagging(ray_executor).configured(
        {"ray": {"env_vars": [path, *sorted(handed_on())]}}, name="ray"
    )
    return configured


def define_placed(artifact: Artifact, pipeline: Pipeline) -> dg.AssetsDefinition:
    """The asset of an artifact, with what its step asks of a cluster where the profile is for one."""
    if pipeline.profile.runner.backend == "local":
        return artifact.define(pipeline)
    needs = needs_of(artifact.name, pipeline.profile)
    asked = {"num_cpus": needs.cpus, "num_gpus": needs.gpus}
    return artifact.define(pipeline, {RAY_TAG: asked}, dg.RetryPolicy(max_retries=TRIES_AGAIN))
