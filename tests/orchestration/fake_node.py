"""The fake method on the nodes of a cluster: each notes the GPUs that it was given, and one can be made to hang."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import dagster as dg
import fake_method

from genprm.records import Problem, SampledProblem, Solution
from genprm.settings import Profile, home

HANGS = "hangs"


def calls_file() -> Path:
    """Where the nodes note what they do: in the home, which they share."""
    return home() / "calls"


async def sample_solutions(problem: Problem, *rest: Any) -> tuple[SampledProblem, list[Solution]]:
    """As ever; on a node that hangs, the last problems are never finished."""
    if os.environ.get("FAKE_NODE") == HANGS and int(problem.id[1:]) > 3:
        fake_method.note(HANGS)
        await asyncio.sleep(3600)
    fake_method.note(f"GPU={os.environ.get('CUDA_VISIBLE_DEVICES')}")
    return await fake_method.sample_solutions(problem, *rest)


def build(profile: Profile) -> dg.Definitions:
    """As `fake_method.build`."""
    from assets import solutions

    os.environ["FAKE_CALLS"] = str(calls_file())
    defs = fake_method.build(profile)
    vars(solutions)["sample_solutions"] = sample_solutions
    return defs
