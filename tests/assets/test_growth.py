"""Ten times the problems: ten times the work, and no more memory than the tables themselves take."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import mc_scores, solutions
from assets.artifact import ARTIFACTS
from assets.partitions import Pipeline
from genprm.profiles import build_profile
from genprm.records import Problem, Solution, StepScores
from genprm.settings import EngineSettings
from genprm.store import TableStore
from tests.genprm.chance_policy import ChancePolicy, problem

FEW, MANY = 10, 100
RECORDS: dict[str, type] = {"solutions": Solution, "mc_scores": StepScores}
IN_FLIGHT = 8


class Machines:
    """One policy for both assets, which counts what it is asked."""

    settings = EngineSettings(max_in_flight=IN_FLIGHT)

    def __init__(self) -> None:
        self.policy = ChancePolicy()

    def engine(self, model: str) -> ChancePolicy:
        return self.policy

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)


class Silence:
    def of(self, context: Any, total: int) -> Callable[[int], None]:
        return lambda items: None


@dataclass(frozen=True)
class Made:
    """What making an asset took: requests, tokens and journal bytes in all; the most memory that a shard needed, in
    MiB above what was there before it; and the memory of the rows of the first shard."""

    requests: int
    tokens: int
    journal: int
    peak: float
    rows: float
    most_in_flight: int


def made(folder: Path, problems: int, shards: int) -> dict[str, Made]:
    """Solutions and scores of so many problems, with the real assets."""
    profile = build_profile(
        {
            "name": "growth",
            "problems": {"source": "miniature", "limit": problems, "shards": shards},
            "solutions": {"model": "policy", "max_samples": 64},
            "monte_carlo": {"model": "policy", "tiers": [], "rollouts_otherwise": 8},
            "engine": {"max_in_flight": IN_FLIGHT},
        }
    )
    pipeline, store = Pipeline(profile), TableStore(folder)
    store.write(Problem, "problems", [problem(number) for number in range(problems)])
    return {module.__name__.split(".")[1]: _made(module, pipeline, store) for module in (solutions, mc_scores)}


def _made(module: Any, pipeline: Pipeline, store: TableStore) -> Made:
    name, machines = module.__name__.split(".")[1], Machines()
    asset = ARTIFACTS[name].define(pipeline)
    resources = {"store": store, "machines": machines, "progress": Silence(), "tracking": None}
    peaks = []
    for shard in pipeline.shards.get_partition_keys():
        before = traced()
        tracemalloc.reset_peak()
        with dg.DagsterInstance.ephemeral() as instance:
            assert dg.materialize([asset], partition_key=shard, resources=resources, instance=instance).success
        peaks.append(tracemalloc.get_traced_memory()[1] / 2**20 - before)
    before = traced()
    rows: list[Any] = store.read(RECORDS[name], name, pipeline.shards.get_first_partition_key())
    size = traced() - before
    assert rows
    journal = sum(file.stat().st_size for file in (store.root / "journal" / name).iterdir())
    policy = machines.policy
    return Made(policy.requests, policy.tokens, journal, max(peaks), size, policy.most)


def traced() -> float:
    """Memory in use, in MiB."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 2**20


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Made]]]:
    """A shard of few problems, as many shards as make ten times the problems, and one shard of them all."""
    tracemalloc.start()
    try:
        made(tmp_path_factory.mktemp("first"), 3, 1)  # what is imported and cached with the first one
        yield {
            "few": made(tmp_path_factory.mktemp("few"), FEW, 1),
            "shards": made(tmp_path_factory.mktemp("shards"), MANY, 10),
            "one shard": made(tmp_path_factory.mktemp("one"), MANY, 1),
        }
    finally:
        tracemalloc.stop()


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("asset", RECORDS)
@pytest.mark.parametrize("way", ["shards", "one shard"])
def test_ten_times_the_problems_cost_ten_times_as_much(
    sizes: dict[str, dict[str, Made]], way: str, asset: str
) -> None:
    few, many = sizes["few"][asset], sizes[way][asset]
    assert many.requests == pytest.approx(10 * few.requests, rel=0.15)
    assert many.tokens == pytest.approx(10 * few.tokens, rel=0.15)
    assert many.journal == pytest.approx(10 * few.journal, rel=0.15)
    assert many.most_in_flight <= 2 * IN_FLIGHT


@pytest.mark.parametrize("asset", RECORDS)
def test_more_shards_need_no_more_memory(sizes: dict[str, dict[str, Made]], asset: str) -> None:
    few, many = sizes["few"][asset], sizes["shards"][asset]
    assert many.peak <= few.peak + 0.5


@pytest.mark.parametrize("asset", RECORDS)
def test_a_larger_shard_needs_memory_for_its_own_table_alone(sizes: dict[str, dict[str, Made]], asset: str) -> None:
    """The rows, where each lies in the journal, and the columns of those that are being written."""
    few, many = sizes["few"][asset], sizes["one shard"][asset]
    assert many.peak - few.peak <= 5 * (many.rows - few.rows)
