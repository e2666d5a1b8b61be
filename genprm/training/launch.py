"""Start a training process, follow it, and read what it made."""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genprm.engines.base import EngineError
from genprm.manifest import read_manifest
from genprm.records import TrainingExample
from genprm.settings import TrainingSettings
from genprm.training.job import EXAMPLES_FILE, TRAINER_STATE, TrainingJob, job_fingerprint, write_examples
from genprm.training.process import WRONG_MODEL

LOSSES_FILE = "losses.json"
_LAST_LINES = 20

_CHILD_ENV = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # glibc returns and re-faults large blocks on every training step otherwise; up to 5 times slower on CPU.
    "MALLOC_MMAP_THRESHOLD_": "8589934592",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    # transformers would log some 200 of its own arguments as parameters of the run; the profile says what counts.
    "MLFLOW_MAX_LOG_PARAMS": "0",
}


class TrainingError(RuntimeError):
    """The training process failed; the message ends with its last lines."""


@dataclass(frozen=True, slots=True)
class LossPoint:
    """Training loss (nats per token) at one optimiser step."""

    step: int
    epoch: float
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training run made. `tokens` are those of one epoch, padding not counted; `seconds` is wall time."""

    checkpoint: Path
    examples: int
    dropped: int
    tokens: int
    loss_tokens: int
    steps: int
    losses: list[LossPoint]
    seconds: float


def progress_of(line: str) -> tuple[int, int] | None:
    """Steps done and steps in all, from a line of a training's output that says so.

    >>> progress_of("step 12/150  loss 0.4321  token accuracy 0.901  8 s"), progress_of("150 conversations")
    ((12, 150), None)
    """
    match = re.match(r"step (\d+)/(\d+) ", line)
    return (int(match[1]), int(match[2])) if match else None


def run_training(
    examples: Sequence[TrainingExample],
    settings: TrainingSettings,
    base: str,
    mask_code_output: bool,
    out_dir: Path,
    env: Mapping[str, str],
    log: Callable[[str], None],
    manifest: Mapping[str, Any] | None = None,
) -> TrainingReport:
    """Fine-tune `base` on `examples` in a process of its own.

    The checkpoint appears in `out_dir` whole or not at all. The process dies with this one. Its output goes to
    `log` line by line. With `MLFLOW_TRACKING_URI` and `MLFLOW_RUN_ID` in `env` the loss curve is logged to that
    run. An interrupted run of the same job continues from its last saved state and ends with the same weights.

    Args:
        manifest: carried into `genprm.json`; `inference_mode` and `verifier` tell `GenPRM.load` how to ask.

    Raises:
        ValueError: no examples.
        EngineError: the base model cannot be used.
        TrainingError: the process failed.
    """
    if not examples:
        raise ValueError("no training examples: the training set is empty")
    job = TrainingJob(base, settings, mask_code_output, out_dir.resolve(), manifest or {})
    _prepare(job, examples, log)
    return run_job(job, "genprm.training.sft", env, log)


def run_job(job: TrainingJob, module: str, env: Mapping[str, str], log: Callable[[str], None]) -> TrainingReport:
    """Run the training process `module` on a job whose working directory is filled, and remove that directory.

    Raises:
        EngineError: the base model cannot be used; the working directory stays.
        TrainingError: the process failed; the working directory stays.
    """
    started = time.monotonic()
    follow([sys.executable, "-m", module, str(job.write())], env, log)
    shutil.rmtree(job.work_dir)
    return read_report(job.out_dir, time.monotonic() - started)


def _prepare(job: TrainingJob, examples: Sequence[TrainingExample], log: Callable[[str], None]) -> None:
    """Fill the working directory; what an interrupted run of the same job left there stays, anything else goes."""
    job.work_dir.mkdir(parents=True, exist_ok=True)
    examples_file = job.work_dir / EXAMPLES_FILE
    write_examples(examples, examples_file)
    fingerprint = job_fingerprint(job, examples_file)
    mark = job.work_dir / "fingerprint"
    state = job.work_dir / TRAINER_STATE
    if state.exists():
        if mark.is_file() and mark.read_text() == fingerprint:
            log("continuing an interrupted run of the same job")
        else:
            shutil.rmtree(state)
    mark.write_text(fingerprint)


def follow(command: Sequence[str], env: Mapping[str, str], log: Callable[[str], None]) -> None:
    """Run a training process to its end; it dies with this one, and its output goes to `log` line by line.

    Raises:
        EngineError: the base model cannot be used.
        TrainingError: it failed.
    """
    process = subprocess.Popen(
        command,
        env={**_CHILD_ENV, **os.environ, **env, "GENPRM_PARENT": str(os.getpid()), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            last.append(line.rstrip())
            log(line.rstrip())
        code = process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
    if code == WRONG_MODEL:
        raise EngineError(last[-1])
    if code:
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        raise TrainingError("\n".join([f"training ended {how}; its last lines:", *last]))


def read_report(checkpoint: Path, seconds: float) -> TrainingReport:
    """What a training process says in the checkpoint that it left."""
    made = read_manifest(checkpoint)
    assert made is not None
    assert made.examples is not None
    assert made.dropped is not None
    assert made.tokens is not None
    assert made.loss_tokens is not None
    assert made.steps is not None
    return TrainingReport(
        checkpoint=checkpoint,
        examples=made.examples,
        dropped=made.dropped,
        tokens=made.tokens,
        loss_tokens=made.loss_tokens,
        steps=made.steps,
        losses=[LossPoint(**point) for point in json.loads((checkpoint / LOSSES_FILE).read_text())],
        seconds=seconds,
    )
