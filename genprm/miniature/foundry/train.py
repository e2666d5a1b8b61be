"""Remaking the small models: trunk; policy and judge; the policy's samples; rationale model; base."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from genprm.miniature.foundry.measure import measure_all
from genprm.miniature.foundry.network import load_model, save_model
from genprm.miniature.foundry.policy_samples import SHARDS
from genprm.miniature.foundry.recipe import Recipe, Stage

SHIPPED = Path(__file__).parents[1] / "weights"
MODELS = ("policy", "rationale", "base")
# One thread per process, and memory that is kept for reuse: both decide the speed of small models on a CPU.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
}


class TrainingFailedError(RuntimeError):
    """A training process ended with an error; the message names its log."""


def retrain(out_dir: Path, minutes: float | None = None, say: Callable[[str], None] = print) -> dict[str, object]:
    """Trains all models from scratch into `out_dir` and says how they compare with the shipped ones.

    `minutes` is the time for training as a whole (default: the recipe's, about 80 minutes on two idle cores);
    sampling and measuring come on top. `out_dir/<model>` then holds policy, rationale and base in the layout
    of the shipped weights, `out_dir/work` the unrounded ones with their logs. After an interruption, another call
    continues with the stage that was running. Returns `{"retrained": table, "shipped": table}` of
    `genprm.miniature.foundry.measure`. Raises TrainingFailedError.
    """
    recipe = Recipe()
    work = out_dir / "work"
    work.mkdir(parents=True, exist_ok=True)
    whole = sum(max(stage.minutes for stage in together) for together in recipe.order)
    scale = 1.0 if minutes is None else minutes / whole
    for stages in recipe.order:
        if any(stage.samples for stage in stages):
            sample_policy(work)
        say(f"training {' and '.join(stage.name for stage in stages)}")
        run_stages(stages, work, scale)
    for name in MODELS:
        export(work / name, out_dir / name)
    tables: dict[str, object] = {}
    for title, folder in (("retrained", out_dir), ("shipped", SHIPPED)):
        tables[title] = table = measure_all(folder, 400, 150, 4)
        say("\n".join(f"{title} | {row}: {json.dumps(values)}" for row, values in table.items()))
    return tables


def run_stages(stages: Sequence[Stage], work: Path, scale: float = 1.0) -> None:
    """Trains the stages side by side, each in its own process. Finished stages are not run again."""
    open_stages = [stage for stage in stages if not (work / f"{stage.name}.done").exists()]
    _run(
        {
            work / f"{stage.name}.log": [
                "genprm.miniature.foundry.stages",
                stage.name,
                str(work),
                str(stage.minutes * scale),
            ]
            for stage in open_stages
        }
    )
    for stage in open_stages:
        (work / f"{stage.name}.done").touch()


def sample_policy(work: Path) -> None:
    """Samples the policy on foundation problems, in as many processes as there are parts."""
    _run(
        {
            work / f"policy_samples.{shard}.log": ["genprm.miniature.foundry.policy_samples", str(work), str(shard)]
            for shard in range(SHARDS)
        }
    )


def _run(jobs: dict[Path, list[str]]) -> None:
    """Runs modules side by side, each with its log. If one fails, ends the rest and raises TrainingFailedError."""
    started: list[tuple[subprocess.Popen[bytes], Path]] = []
    try:
        for log, arguments in jobs.items():
            with log.open("wb") as out:
                process = subprocess.Popen(
                    [sys.executable, "-u", "-m", *arguments],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **_ENVIRONMENT},
                )
            started.append((process, log))
        for process, log in started:
            if process.wait():
                raise TrainingFailedError(f"training ended with status {process.returncode}; see {log}")
    finally:
        for process, _ in started:
            process.kill()
            process.wait()


def export(trained: Path, folder: Path) -> None:
    """Writes a trained model in bf16, as it is shipped."""
    save_model(load_model(trained), folder, torch.bfloat16)
