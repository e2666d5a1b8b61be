"""Everything from problems to a checkpoint: `train_smol`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genprm.engines import resolve_model
from genprm.modes import Mode
from genprm.records import TrainingExample
from genprm.sandbox import open_sandbox
from genprm.settings import SandboxSettings
from genprm.smol.conversations import JudgedSteps, conversations
from genprm.smol.parts import training_part
from genprm.smol.recipe import BASE, VERIFIER, Recipe, training_settings
from genprm.training import TrainingJob, TrainingReport, run_training
from genprm.training.recipes.genprm import GenPRMRecipe


@dataclass(frozen=True, slots=True)
class SmolJob:
    """What `train_smol` is to make, and where.

    `base` is a model's name (`genprm.engines.resolve_model`). `data_dir` holds GSM8K's training split, None means
    the hub.
    """

    out_dir: Path
    base: str = BASE
    data_dir: Path | None = None
    recipe: Recipe = field(default_factory=Recipe)


def train_smol(job: SmolJob, log: Callable[[str], None] = print) -> TrainingReport:
    """Fine-tune the base into a rationale model; an interrupted run of the same job continues.

    Raises:
        InputError: the problems cannot be had.
        SandboxError: no sandbox is available.
        EngineError: the base cannot be used.
        TrainingError: the training process failed.
    """
    base = resolve_model(job.base)
    examples = _examples(training_part(job.recipe, job.data_dir))
    log(f"{len(examples)} conversations are made")
    training = TrainingJob(
        base=base,
        settings=training_settings(job.recipe.seed),
        mask_code_output=True,
        out_dir=job.out_dir,
        manifest=GenPRMRecipe().manifest(Mode.FULL, VERIFIER),
    )
    return run_training(examples, training, {}, log)


def _examples(judged: Sequence[JudgedSteps]) -> list[TrainingExample]:
    async def made() -> list[TrainingExample]:
        sandbox = open_sandbox(SandboxSettings())
        try:
            return await conversations(judged, sandbox, VERIFIER.format)
        finally:
            await sandbox.close()

    return asyncio.run(made())
