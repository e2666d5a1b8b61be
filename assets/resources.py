"""The resources of the assets: how text is generated, where runs are recorded.

They are protocols because the classes belong to `orchestration`, which the assets do not import.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import dagster as dg

from genprm.engines.base import Engine
from genprm.evaluation.promotion import Contender
from genprm.records import BenchmarkCase, Prediction, Verification
from genprm.reward_models.registry import Machine
from genprm.settings import EngineSettings

T = TypeVar("T")


class Machines(Machine, Protocol):
    """Engines and sandbox of this process, opened when first asked for. Opening an engine closes those of other
    models, and is not to be done from inside `run`."""

    @property
    def settings(self) -> EngineSettings:
        """How text is generated here."""
        ...

    def engines(self, *models: str) -> list[Engine]:
        """The engines of several models that work at the same time."""
        ...

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end on the loop that the engines live on."""
        ...

    def devices(self, count: int) -> AbstractContextManager[None]:
        """Lease `count` GPUs, or all where there are fewer: processes started in the block see only these.

        Engine and sandbox are closed first.
        """
        ...


@dataclass(frozen=True, slots=True)
class Verified:
    """A model's predictions for benchmark cases, and those of its verification paths that are kept.

    `benchmark` is the source of cases and labels; a step is wrong when its reward is below `threshold`.
    """

    model: str
    benchmark: str
    threshold: float
    predictions: Sequence[Prediction]
    paths: Sequence[Verification]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Benchmark cases, with their source and the hash of the table that holds them."""

    source: str
    version: str
    cases: Sequence[BenchmarkCase]


class TrackedRun(Protocol):
    """An open run of the tracking server."""

    @property
    def id(self) -> str: ...

    @property
    def url(self) -> str: ...

    def environment(self) -> dict[str, str]:
        """What a child process needs to log to this run."""
        ...

    def metrics(self, values: Mapping[str, float]) -> None:
        """Log metrics to this run."""
        ...

    def series(self, name: str, values: Sequence[float]) -> None:
        """Log one metric over steps 1, 2, ... to this run."""
        ...

    def dataset(self, name: str, version: str, path: Path, use: str) -> None:
        """Record a table that this run read; `version` is its content hash, `use` training or evaluation."""
        ...

    def benchmark(self, data: Benchmark, path: Path) -> None:
        """Record the cases that this run evaluates on, and the table that holds them."""
        ...

    def verifications(self, verified: Verified) -> None:
        """Log a sample of verifications as traces."""
        ...

    def model(self, name: str, path: Path, recipe: str) -> None:
        """Record the checkpoint that this run made."""
        ...


class Tracking(Protocol):
    """Where runs are recorded."""

    def run(
        self,
        context: dg.AssetExecutionContext,
        name: str,
        parameters: Mapping[str, object],
        parent: str | None = None,
    ) -> AbstractContextManager[TrackedRun]:
        """A run linked with this Dagster run both ways; it ends FINISHED, or FAILED when the block raises."""
        ...

    def metrics(self, run_id: str, values: Mapping[str, float]) -> None:
        """Log metrics to a run that ended before; if that run is lost, a warning says so."""
        ...

    def register(self, contenders: Sequence[Contender], resamples: int) -> str | None:
        """Register trained and measured models; return the champion's key, None where nothing is registered."""
        ...
