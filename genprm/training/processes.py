"""Start a training as several processes: `python -m genprm.training.processes MODULE JOB.json`.

torch's elastic agent starts them and ends all when one dies. Only the output of the first is shown; the others
write to files of their own, whose last lines are shown when one of them is the first to fail. With several
machines, each has an agent; that of the first machine invites the others (`genprm.training.nodes`).
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
from typing import Any

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, ProcessFailure, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from genprm.training.job import TrainingJob, read_job
from genprm.training.nodes import Invitation, address, free_endpoint, inviting
from genprm.training.process import INTERRUPTED, WRONG_MODEL, die_with_parent

_LAST_LINES = 8
_STOP_SECONDS = 600
"""Time that processes may take to save a state when they are asked to stop."""
_WAIT_SECONDS = 24 * 3600
"""How long a machine waits for the others."""


def to_blame(failures: Iterable[ProcessFailure]) -> list[ProcessFailure]:
    """Of the processes that ended together, those that made the others fail.

    The others lose their connection within milliseconds, or are told to end (SIGTERM). A process that was killed is
    to blame; where none was, nothing tells them apart, and all are returned.
    """
    failed = sorted(failures, key=lambda failure: failure.local_rank)
    return [failure for failure in failed if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM] or failed


def explain(failure: ProcessFailure, processes: int, logs: Path) -> list[str]:
    """The message about a failure: one line that names the process, and the last lines of its output."""
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
    """Print how a training failed; return the exit status: its own where that has a meaning, else 1."""
    first = blamed[0]
    if first.exitcode in (INTERRUPTED, WRONG_MODEL):
        for line in _last_lines(logs, first.local_rank)[-1:]:
            print(line, flush=True)
        return int(first.exitcode)
    for failure in blamed:
        print("\n".join(explain(failure, processes, logs)), flush=True)
    return 1


def main(module: str, job_file: Path) -> None:
    """Run the training module on a job in as many processes as its settings say, on as many machines."""
    job = read_job(job_file, TrainingJob)
    settings = job.settings
    shutil.rmtree(_logs(job), ignore_errors=True)
    if settings.nodes == 1:
        start(module, job_file, "localhost:0", None)
        return
    endpoint = free_endpoint()
    print(
        f"waiting at {endpoint} for {settings.nodes - 1} more of {settings.nodes} machines (genprm join)",
        flush=True,
    )
    with inviting(Invitation(module, str(job_file), endpoint)):
        start(module, job_file, endpoint, 0)


def start(module: str, job_file: Path, endpoint: str, number: int | None) -> None:
    """Run the processes of this machine, which has a `number` where there are several machines.

    Raises:
        SystemExit: a process failed, or was asked to stop.
    """
    die_with_parent()
    os.environ["GENPRM_PARENT"] = str(os.getpid())
    logging.disable(logging.ERROR)  # the agent's own account of a failure comes before ours, and is longer
    job = read_job(job_file, TrainingJob)
    processes, logs = job.settings.processes_here, _logs(job) / str(number or 0)
    config = LaunchConfig(
        min_nodes=job.settings.nodes,
        max_nodes=job.settings.nodes,
        nproc_per_node=processes,
        run_id=endpoint,
        rdzv_endpoint=endpoint,
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(str(logs), redirects=dict.fromkeys(range(1, processes), Std.ALL)),
        shutdown_timeout=_STOP_SECONDS,
        **_meeting(number),
    )
    try:
        elastic_launch(config, sys.executable)("-m", "genprm.training", module, str(job_file))
    except SignalException:
        sys.exit(INTERRUPTED)
    except ChildFailedError as error:
        sys.exit(report(to_blame(error.failures.values()), processes, logs))


def _meeting(number: int | None) -> dict[str, Any]:
    """Options by which agents find each other; a single agent stays on this machine."""
    if number is None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        return {"rdzv_backend": "c10d", "local_addr": "localhost"}
    return {
        "rdzv_backend": "static",
        "local_addr": address(),
        "rdzv_configs": {"rank": number, "timeout": _WAIT_SECONDS},
    }


def _logs(job: TrainingJob) -> Path:
    return job.work_dir / "processes"


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(sys.argv[1], Path(sys.argv[2]))
    else:
        start(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
