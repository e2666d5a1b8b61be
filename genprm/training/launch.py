"""Start a training process and follow it."""

from __future__ import annotations

import collections
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from genprm.engines.base import EngineError
from genprm.extras import require
from genprm.records import TrainingExample
from genprm.training.job import (
    EXAMPLES_FILE,
    TRAINER_STATE,
    Example,
    TrainingJob,
    job_fingerprint,
    write_examples,
)
from genprm.training.process import WRONG_MODEL
from genprm.training.report import TrainingReport, read_report

_LAST_LINES = 20

_CHILD_ENV = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # glibc returns and re-faults large blocks on every training step otherwise; up to 5 times slower on CPU.
    "MALLOC_MMAP_THRESHOLD_": "8589934592",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    # Code compiled for moments in 8 bits is cached without their shape, which differs from process to process.
    "TORCHINDUCTOR_AUTOGRAD_CACHE": "0",
    # transformers would log some 200 of its own arguments as parameters of the run; the profile says what counts.
    "MLFLOW_MAX_LOG_PARAMS": "0",
}


class TrainingError(RuntimeError):
    """The training process failed; the message ends with its last lines."""


def progress_of(line: str) -> tuple[int, int] | None:
    """Steps done and steps in all, from a progress line of a training; None for any other line.

    >>> progress_of("step 12/150  loss 0.4321  token accuracy 0.901  8 s"), progress_of("150 conversations")
    ((12, 150), None)
    """
    match = re.match(r"step (\d+)/(\d+) ", line)
    return (int(match[1]), int(match[2])) if match else None


def run_training(
    examples: Sequence[TrainingExample], job: TrainingJob, env: Mapping[str, str], log: Callable[[str], None]
) -> TrainingReport:
    """Fine-tune `job.base` on conversations in a process of its own, on one device.

    The checkpoint appears in `job.out_dir` whole or not at all. The process dies with this one. Its output goes to
    `log` line by line. With `MLFLOW_TRACKING_URI` and `MLFLOW_RUN_ID` in `env` the loss curve is logged to that
    run. An interrupted run of the same job continues from its last saved state and ends with the same weights.

    Raises:
        ValueError: no examples.
        EngineError: the base model cannot be used.
        TrainingError: the process failed.
    """
    return run_job("genprm.training.sft", examples, job, env, log)


def run_job(
    module: str,
    examples: Sequence[Example],
    job: TrainingJob,
    env: Mapping[str, str],
    log: Callable[[str], None],
) -> TrainingReport:
    """Run the training process `module` on a job and its examples, and remove the working directory.

    Raises:
        ValueError: no examples.
        ModuleNotFoundError: the settings ask for a package that is not installed (torchao, bitsandbytes).
        EngineError: the base model cannot be used; the working directory stays.
        TrainingError: the process failed; the working directory stays.
    """
    if not examples:
        raise ValueError("no training examples: the training set is empty")
    settings = job.settings
    if settings.optimizer == "adamw-8bit":
        require("torchao")
    if settings.in_4_bits:
        require("bitsandbytes")
    _prepare(job, examples, log)
    follow(
        [sys.executable, "-m", *_modules(module, settings.processes), str(job.write())],
        env,
        log,
        settings.processes_here,
    )
    shutil.rmtree(job.work_dir)
    return read_report(job.out_dir)


def _modules(module: str, processes: int) -> list[str]:
    """What to run: the training itself, or the launcher that starts the training as several processes."""
    return ["genprm.training" if processes == 1 else "genprm.training.processes", module]


def _prepare(job: TrainingJob, examples: Sequence[Example], log: Callable[[str], None]) -> None:
    """Fill the working directory; the state of an interrupted run stays if it was of the same job, else it goes."""
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


def child_environment(env: Mapping[str, str], processes: int = 1) -> dict[str, str]:
    """The environment of a training: this process's with `env`, and the first visible devices, one per process.

    >>> child_environment({"CUDA_VISIBLE_DEVICES": "2,3"})["CUDA_VISIBLE_DEVICES"]
    '2'
    """
    found = {**_CHILD_ENV, **os.environ, **env}
    devices = found.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(processes)))).split(",")
    own = {"GENPRM_PARENT": str(os.getpid()), "PYTHONUNBUFFERED": "1"}
    return {**found, "CUDA_VISIBLE_DEVICES": ",".join(devices[:processes]), **own}


def follow(command: Sequence[str], env: Mapping[str, str], log: Callable[[str], None], processes: int = 1) -> None:
    """Run a training to its end; it dies with this process, and its output goes to `log` line by line.

    An interrupt of this process is passed on to the training, and raised here once the training has saved its
    state; a second one does not wait for that.

    Raises:
        EngineError: the base model cannot be used.
        TrainingError: the training failed.
    """
    process = subprocess.Popen(
        command,
        env=child_environment(env, processes),
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
    except BaseException as error:
        if not isinstance(error, Exception):  # KeyboardInterrupt, or what Dagster makes of it
            process.send_signal(signal.SIGINT)
            for line in process.stdout:
                log(line.rstrip())
        raise
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
