"""Where everything that a run makes is kept, and the environment that Dagster and MLflow need to find it."""

from __future__ import annotations

import importlib.resources
import os
from pathlib import Path

from genprm.carried import require_place
from genprm.engines.copies.devices import DEVICES_VARIABLE
from genprm.settings import home, usable_home
from orchestration import postgres

_PROCESS_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # The server would keep seven processes (1.3 GB) ready for jobs that are never used here.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # On a busy machine the process of a run takes longer to start than the minute after which it counts as failed.
    "DAGSTER_GRPC_TIMEOUT_SECONDS": "300",
    # The client would print two lines per run, with an address for machines, not for people.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # More than one thread per process only makes small models slower on shared cores.
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # glibc would return and re-fault blocks of a few megabytes on every call; larger ones are given back.
    "MALLOC_MMAP_THRESHOLD_": str(16 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
    # Every engine computes in a thread of its own, which would otherwise leave an arena of its own behind.
    "MALLOC_ARENA_MAX": "2",
}

_HANDED_ON = ("GENPRM_", "DAGSTER_", "MLFLOW_", "HF_", "PYTHONPATH", *_PROCESS_ENVIRONMENT)
"""Prefixes of the variables that are the same on all machines of a run."""


def dagster_home() -> Path:
    """The directory of the Dagster instance."""
    return home() / "dagster"


def mlflow_database() -> Path:
    """The database of tracked runs."""
    return home() / "mlflow.db"


def artifacts_folder() -> Path:
    """The directory with the files of tracked runs."""
    return home() / "mlartifacts"


def prepare() -> Path:
    """Make the home usable, name it in the environment of this process and its children, and return it.

    `DAGSTER_HOME` and `GENPRM_HOME` are set; variables that the user set for threads and memory stay as they are.

    Raises:
        SettingsError: the home cannot be created or written to; or as for `require_place` and `postgres.settle`.
    """
    usable_home()
    require_place()
    folder = dagster_home()
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        ours = (importlib.resources.files("orchestration") / "dagster.yaml").read_text()
        settings.write_text(ours + postgres.STORAGE if postgres.chosen() else ours)
    os.environ["GENPRM_HOME"] = str(home())
    os.environ["DAGSTER_HOME"] = str(folder)
    for name, value in _PROCESS_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    postgres.settle(settings)
    return home()


def handed_on() -> dict[str, str]:
    """The variables to set for processes on other machines; call `prepare` first."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_HANDED_ON) and name != DEVICES_VARIABLE
    }
