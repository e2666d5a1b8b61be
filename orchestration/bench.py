"""Measures what orchestration costs, on partitions that do no work, made in each of the possible ways.

- runner: `genprm run`, long-lived workers, each partition a Dagster run on the persistent instance.
- one process: the same runs, one after the other in this process.
- process per run: `dagster asset materialize`, a fresh interpreter each time, as for a run launched in the web
  pages.
- look: what `genprm run` and `genprm status` do before anything is made, on partitions that are all fresh.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Annotated

import dagster as dg
import typer
from rich.console import Console

from genprm import carried
from genprm.profiles import build_profile
from genprm.settings import Profile
from genprm.speed.tables import Cell, show
from genprm.speed.usage import Usage, measured
from orchestration import postgres
from orchestration.display import LineDisplay
from orchestration.home import prepare
from orchestration.runner import Runner
from orchestration.schedule import pipeline_nodes
from orchestration.staleness import Staleness
from orchestration.worker import Order, execute

BLANK = "blank"
_COUNT = "GENPRM_BENCH_PARTITIONS"
"""Environment variable that tells the processes of a measurement how many partitions there are."""
_SAMPLE = 2
"""Partitions made with a process per run, each of which takes seconds."""


def definitions(profile: Profile) -> dg.Definitions:
    """One asset with `GENPRM_BENCH_PARTITIONS` partitions that do no work."""
    keys = [f"p{number}" for number in range(int(os.environ[_COUNT]))]

    @dg.asset(name=BLANK, partitions_def=dg.StaticPartitionsDefinition(keys), group_name="solutions")
    def blank() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(data_version=dg.DataVersion("1"))

    return dg.Definitions(assets=[blank])


def loaded() -> dg.Definitions:
    """The same definitions, for `dagster --module-name`."""
    return definitions(_profile(1))


def _profile(workers: int) -> Profile:
    return build_profile({"name": "bench", "runner": {"workers": workers}})


def measure(partitions: int, workers: int) -> list[dict[str, Cell]]:
    """Return a row per way, measured in the empty home that `GENPRM_HOME` names.

    `ratio` says how many times faster a way is than a process per run.
    """
    prepare()
    warnings.simplefilter("ignore")
    profile = _profile(workers)
    defs = definitions(profile)
    graph = defs.resolve_asset_graph()
    nodes = pipeline_nodes(graph)
    with dg.DagsterInstance.get() as instance:

        def made_by_the_runner() -> None:
            display = LineDisplay(Console(quiet=True))
            runner = Runner(profile, graph, instance, None, display, f"{__name__}:{definitions.__name__}")
            summary = runner.run(nodes)
            assert len(summary.made) == partitions, summary.failed

        def looked_at() -> None:
            staleness = Staleness(instance, graph)
            assert all(staleness.standing(node).state == "fresh" for node in nodes)

        def made_here() -> None:
            for node in nodes:
                error = execute(defs, instance, Order(BLANK, node.partition), {}).error
                assert not error, error

        usages = {
            f"runner, {workers} workers": (partitions, _time(made_by_the_runner)),
            "one process": (partitions, _time(made_here)),
            "process per run": (_SAMPLE, _time(_made_in_processes)),
            "look": (partitions, _time(looked_at)),
        }
    dear = usages["process per run"][1].seconds / _SAMPLE
    return [
        {
            "way": way,
            "partitions": count,
            "seconds": usage.seconds,
            "ms each": 1000 * usage.seconds / count,
            "CPU ms each": 1000 * usage.cpu_seconds / count,
            "ratio": dear * count / usage.seconds,
        }
        for way, (count, usage) in usages.items()
    ]


def _time(work: Callable[[], None]) -> Usage:
    with measured() as usage:
        work()
    return usage


def _made_in_processes() -> None:
    for number in range(_SAMPLE):
        command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", BLANK]
        code = ["--partition", f"p{number}", "--module-name", __name__, "--attribute", loaded.__name__]
        subprocess.run([*command, *code], check=True, capture_output=True)


def bench(
    partitions: Annotated[int, typer.Option(min=_SAMPLE, help="Partitions that are made in each way.")] = 24,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of the runner.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
) -> None:
    """Time per partition that orchestration adds, and what a process for each run would add."""
    with tempfile.TemporaryDirectory(prefix="genprm-bench-") as folder:
        os.environ |= {"GENPRM_HOME": folder, _COUNT: str(partitions)}
        for kept in (postgres.HOST, carried.ADDRESS):  # these runs must not reach Postgres or the object store
            os.environ.pop(kept, None)
        rows = measure(partitions, workers)
    notes = [
        "Partitions do nothing: all of it is orchestration. The runner's time includes the start of its workers.",
        f"process per run: {_SAMPLE} partitions; ratio: its time for a partition over that of the row.",
    ]
    show(f"Orchestration, {partitions} partitions", rows, as_json, notes)
