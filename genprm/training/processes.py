"""Start a training as several processes: `python -m genprm.training.processes MODULE JOB.json`.

torch's elastic agent starts them and ends all when one dies. The first speaks for all; the others write to files of
their own, of which the last lines are shown when one of them is the first to fail.
"""

from __future__ import annotations

import collections
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, ProcessFailure, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from genprm.training.job import read_job
from genprm.training.process import INTERRUPTED, WRONG_MODEL, die_with_parent

_LAST_LINES = 8
_STOP_SECONDS = 600
"""Time that processes may take to save a state when they are asked to stop."""


def to_blame(failures: Iterable[ProcessFailure]) -> list[ProcessFailure]:
    """Of the processes that were seen to end together those that the others failed over.

    The others lose their connection within milliseconds. One that was killed is to blame; where none was, nothing
    tells them apart.
    """
    failed = sorted(failures, key=lambda failure: failure.local_rank)
    return [failure for failure in failed if failure.exitcode < 0] or failed


def explain(failure: ProcessFailure, processes: int, logs: Path) -> list[str]:
    """What to say of a failure: one line that names the process, and its last lines."""
    code = failure.exitcode
    how = f"by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"with status {code}"
    ended = f"process {failure.local_rank} of {processes} ended {how}, and the others with it"
    if failure.local_rank == 0:
        return [f"{ended}; its last lines are above"]
    return [f"{ended}; its last lines:", *_last_lines(logs, failure.local_rank)]


def _last_lines(logs: Path, rank: int) -> list[str]:
    lines: list[str] = []
    for name in ("stdout.log", "stderr.log"):
        for log in logs.glob(f"**/{rank}/{name}"):
            with log.open(errors="replace") as file:
                lines += collections.deque(file, maxlen=_LAST_LINES)
    return [line.rstrip() for line in lines]


def report(blamed: Sequence[ProcessFailure], processes: int, logs: Path) -> int:
    """Say how a training failed; the status to end with, its own where that has a meaning."""
    first = blamed[0]
    if first.exitcode in (INTERRUPTED, WRONG_MODEL):
        for line in _last_lines(logs, first.local_rank)[-1:]:
            print(line, flush=True)
        return int(first.exitcode)
    for failure in blamed:
        print("\n".join(explain(failure, processes, logs)), flush=True)
    return 1


def main(module: str, job_file: Path) -> None:
    """Run the training module on a job in as many processes as its settings say."""
    die_with_parent()
    os.environ["GENPRM_PARENT"] = str(os.getpid())
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    logging.disable(logging.ERROR)  # the agent's own account of a failure comes before ours, and is longer
    job = read_job(job_file)
    processes, logs = job.settings.processes, job.work_dir / "processes"
    shutil.rmtree(logs, ignore_errors=True)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(str(logs), redirects=dict.fromkeys(range(1, processes), Std.ALL)),
        shutdown_timeout=_STOP_SECONDS,
    )
    try:
        elastic_launch(config, sys.executable)("-m", module, str(job_file))
    except SignalException:
        sys.exit(INTERRUPTED)
    except ChildFailedError as error:
        sys.exit(report(to_blame(error.failures.values()), processes, logs))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
