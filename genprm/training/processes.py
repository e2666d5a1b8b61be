"""Start a training as several processes: `python -m genprm.training.processes MODULE JOB.json`.

torch's elastic agent starts them and ends all when one dies. The first speaks for all; the others write to files of
their own, of which the last lines are shown when one of them is the first to fail.
"""

from __future__ import annotations

import collections
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, ProcessFailure, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from genprm.training.job import read_job
from genprm.training.process import INTERRUPTED, WRONG_MODEL, die_with_parent

_LAST_LINES = 10
_STOP_SECONDS = 600
"""Time that processes may take to save a state when they are asked to stop."""


def first_failure(failures: Mapping[int, ProcessFailure]) -> ProcessFailure:
    """The process whose end made the others fail: one that was killed, otherwise the first that ended.

    The others notice within milliseconds that it is gone, and may be seen to end in the same moment.
    """
    killed = [failure for failure in failures.values() if failure.exitcode < 0]
    return min(killed or failures.values(), key=lambda failure: failure.timestamp)


def last_lines(log: str) -> list[str]:
    """The last lines that a process wrote to a file."""
    if not Path(log).is_file():
        return []
    with Path(log).open(errors="replace") as file:
        return [line.rstrip() for line in collections.deque(file, maxlen=_LAST_LINES)]


def explain(failure: ProcessFailure, processes: int, logs: Path) -> list[str]:
    """What to say of a failure: one line that names the process, and its last lines."""
    code = failure.exitcode
    how = f"by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"with status {code}"
    ended = f"process {failure.local_rank} of {processes} ended {how}, and the others with it"
    if failure.local_rank == 0:
        return [f"{ended}; its last lines are above"]
    found = sorted(logs.glob(f"**/{failure.local_rank}/stdout.log")) + sorted(
        logs.glob(f"**/{failure.local_rank}/stderr.log")
    )
    return [f"{ended}; its last lines:", *(line for log in found for line in last_lines(str(log)))]


def main(module: str, job_file: Path) -> None:
    """Run the training module on a job in as many processes as its settings say."""
    die_with_parent()
    os.environ["GENPRM_PARENT"] = str(os.getpid())
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    logging.disable(logging.ERROR)  # the agent's own account of a failure comes before ours, and is longer
    job = read_job(job_file)
    processes, logs = job.settings.processes, job.work_dir / "processes"
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
        failure = first_failure(error.failures)
        if failure.exitcode not in (INTERRUPTED, WRONG_MODEL):
            print("\n".join(explain(failure, processes, logs)), flush=True)
            sys.exit(1)
        sys.exit(failure.exitcode)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
