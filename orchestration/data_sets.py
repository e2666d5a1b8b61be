"""Benchmarks as evaluation data sets in MLflow: one per content version, the first wrong step as expectation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assets.resources import Benchmark
from genprm.records import BenchmarkCase
from orchestration.traces import FIRST_ERROR

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.tracing.client import TracingClient

VERSION = "genprm/version"


def make_data_set(client: MlflowClient, store: TracingClient, experiment: str, benchmark: Benchmark) -> str:
    """Return the name of the benchmark's data set, unique to its content, after creating it unless it exists.

    A data set that an interrupted process left empty is filled.
    """
    name = f"{benchmark.source} {benchmark.version[:8]}"
    found = client.search_datasets([experiment], f"name = '{name}'")
    data_set = found[0] if found else client.create_dataset(name, experiment, {VERSION: benchmark.version})
    if not data_set.profile:
        records = [_record(case) for case in benchmark.cases]
        # `data_set.merge_records` would write to this process's default store, which may be another one.
        store.store.upsert_dataset_records(data_set.dataset_id, records)
    return name


def _record(case: BenchmarkCase) -> dict[str, Any]:
    return {
        # Records with the same inputs are merged, so the id is among them.
        "inputs": {"case": case.id, "problem": case.problem, "steps": case.steps},
        "expectations": {FIRST_ERROR: case.label, "final_answer_correct": case.final_answer_correct},
        "tags": {"subset": case.subset, "generator": case.generator},
    }
