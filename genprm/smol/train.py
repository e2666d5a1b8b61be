"""Everything from problems to a checkpoint: `train_rationale_model` and `train_policy`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genprm.engines import resolve_model
from genprm.modes import Mode
from genprm.records import TrainingExample
from genprm.sandbox import open_sandbox
from genprm.settings import SandboxSettings
from genprm.smol.conversations import JudgedSteps, conversations
from genprm.smol.parts import policy_solutions, training_part
from genprm.smol.policy import policy_conversations
from genprm.smol.recipe import BASE, VERIFIER, Recipe, training_settings
from genprm.training import TrainingJob, TrainingReport, run_training
from genprm.training.recipes.genprm import GenPRMRecipe


@dataclass(frozen=True, slots=True)
class SmolJob:
    """What is trained, and where it is written.

    `base` is a model's name (`genprm.engines.resolve_model`). `data_dir` holds GSM8K's training split, None means
    the hub.
    """

    out_dir: Path
    base: str = BASE
    data_dir: Path | None = None
    recipe: Recipe = field(default_factory=Recipe)


def train_rationale_model(job: SmolJob, log: Callable[[str], None] = print) -> TrainingReport:
    """Teach the base to check steps; an interrupted run of the same job continues.

    Raises:
        InputError: the problems cannot be loaded.
        SandboxError: no sandbox is available.
        EngineError: the base cannot be used.
        TrainingError: the training process failed.
    """
    base = resolve_model(job.base)
    examples = _judged_conversations(training_part(job.recipe, job.data_dir))
    return _train(base, job, examples, GenPRMRecipe().manifest(Mode.FULL, VERIFIER), log)


def train_policy(job: SmolJob, log: Callable[[str], None] = print) -> TrainingReport:
    """Teach the base to solve problems in numbered steps; an interrupted run of the same job continues.

    Raises:
        InputError: the problems cannot be loaded.
        EngineError: the base cannot be used.
        TrainingError: the training process failed.
    """
    base = resolve_model(job.base)
    solutions = policy_solutions(job.recipe, job.data_dir)
    examples = policy_conversations(solutions, job.recipe.conversations, job.recipe.seed)
    return _train(base, job, examples, {}, log)


def _train(
    base: str,
    job: SmolJob,
    examples: Sequence[TrainingExample],
    manifest: Mapping[str, Any],
    log: Callable[[str], None],
) -> TrainingReport:
    log(f"{len(examples)} conversations are made")
    settings = training_settings(job.recipe.seed)
    return run_training(examples, TrainingJob(base, settings, True, job.out_dir, manifest), {}, log)


def _judged_conversations(judged: Sequence[JudgedSteps]) -> list[TrainingExample]:
    async def made() -> list[TrainingExample]:
        sandbox = open_sandbox(SandboxSettings())
        try:
            return await conversations(judged, sandbox, VERIFIER.format)
        finally:
            await sandbox.close()

    return asyncio.run(made())
