"""Artifacts: each is named once, with its partitions, inputs, parameters, checks and stage, by one decorator.

    @artifact(stage=Stage.LABELS, partitions=lambda pipeline: pipeline.labelled, inputs=..., checks=(DOMAIN,))
    def rpe_labels(context: ArtifactContext) -> Made:
        '''What the artifact is, for the UI.'''

A registered artifact is assembled, ordered, and counted; nothing else has to know about it. Modules of this package
are found automatically, those of other packages through entry points of the group `genprm.artifacts`.
Integrity checks come before anything is written: when one fails, the step reports it and stops, and nothing
downstream sees the rows.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import dagster as dg

import assets
from assets.metadata import column_schema
from assets.partitions import Pipeline
from assets.progress import StepProgress
from assets.resources import Machines, Tracking
from genprm.journal import Journal
from genprm.lineup import Lineup
from genprm.registry import installed_entry_points
from genprm.settings import Profile
from genprm.store import DeclaredStore, TableStore
from genprm.tables import content_hash, joined_hash

OWNERS = ("team:genprm",)
ENGINE_POOL = "engine"
"""Pool of the artifacts that use an engine: one at a time."""
GROUP = "genprm.artifacts"

Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


class Stage(StrEnum):
    """The stages of a run, in order. Where several partitions could be made, the earlier stage goes first."""

    SOLUTIONS = "solutions"
    LABELS = "labels"
    RATIONALES = "rationales"
    TRAINING = "training"
    SCALING = "scaling"
    EVALUATION = "evaluation"


@dataclass(frozen=True, slots=True)
class Spent:
    """The names of an artifact's costs in its metadata; empty where it has no such cost."""

    requests: str
    tokens: str = "tokens"
    prompt_tokens: str = "prompt tokens"
    executions: str = "executions"


@dataclass(frozen=True, slots=True)
class Input:
    """An artifact that another one is made from. `mapping` says which of its partitions are read; by default those
    with the same key, as Dagster matches them."""

    name: str
    mapping: dg.PartitionMapping | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true of an artifact. A failed integrity check stops the step; any other one warns."""

    name: str
    description: str
    integrity: bool = True

    def spec(self, asset: str, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetCheckSpec:
        """The check's definition; for a partitioned artifact with its `partitions`, or the UI shows no result."""
        return dg.AssetCheckSpec(
            self.name,
            asset=asset,
            description=self.description,
            blocking=self.integrity,
            partitions_def=partitions,
        )

    def result(self, passed: bool, **metadata: Any) -> dg.AssetCheckResult:
        """The check's outcome; `metadata` says what was found."""
        severity = dg.AssetCheckSeverity.ERROR if self.integrity else dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(check_name=self.name, passed=bool(passed), severity=severity, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to be written; by default under the artifact's own name, and to the partition that is being made."""

    record: type[Any]
    rows: Sequence[Any]
    name: str | None = None
    partition: str | None = None
    without: tuple[str, ...] = ()
    """Fields left out of the version: when only these change, nothing downstream becomes stale."""
    decides: bool = True
    """Whether the artifact's version depends on this table; false for tables that only people read."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the function of an artifact returns: rows (the first table is the artifact's own, the others go with
    it), the results of their checks, and metadata about them.

    An artifact whose files are not tables gives the `version` of what it wrote, and the `files` (or directories)
    that it recorded in the store.
    """

    tables: Sequence[Table] = ()
    checks: Sequence[dg.AssetCheckResult] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    files: Sequence[Path] = ()


class BrokenArtifactError(Exception):
    """An integrity check failed, so nothing may be written."""

    def __init__(self, checks: Sequence[dg.AssetCheckResult]) -> None:
        super().__init__(", ".join(str(check.check_name) for check in _broken(checks)))
        self.checks = checks


def _broken(checks: Sequence[dg.AssetCheckResult]) -> list[dg.AssetCheckResult]:
    return [check for check in checks if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR]


def require(checks: Sequence[dg.AssetCheckResult]) -> None:
    """Stop before anything is written when an integrity check failed.

    Raises:
        BrokenArtifactError: a check failed; the step reports the checks and fails.
    """
    if _broken(checks):
        raise BrokenArtifactError(checks)


@dataclass(frozen=True)
class ArtifactContext:
    """What the function of an artifact is given: the profile with its line-up, the partition to be made, and the
    resources. The store reads the declared inputs and nothing else."""

    dagster: dg.AssetExecutionContext
    artifact: str
    pipeline: Pipeline
    store: TableStore
    machines: Machines
    tracking: Tracking
    progress: StepProgress

    @property
    def profile(self) -> Profile:
        """The settings of the run."""
        return self.pipeline.profile

    @property
    def lineup(self) -> Lineup:
        """The models of the run."""
        return self.pipeline.lineup

    @property
    def key(self) -> str:
        """The key of the partition."""
        return str(self.dagster.partition_key)

    @property
    def partition(self) -> str | None:
        """The key of the partition; None for an artifact that has no partitions."""
        return self.key if self.dagster.has_partition_key else None

    def dimension(self, name: str) -> str:
        """One dimension of the key."""
        key = self.dagster.partition_key
        assert isinstance(key, dg.MultiPartitionKey)
        return key.keys_by_dimension[name]

    def advance(self, total: int) -> Callable[[int], None]:
        """A callback for the progress over `total` items, to be called with how many more are finished."""
        return self.progress.of(self.dagster, total)

    def journal(self) -> Journal:
        """The journal of the partition."""
        return self.store.journal(self.artifact, self.partition)


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact that was registered: its name, how it is made, and what was declared about it."""

    name: str
    make: Callable[[ArtifactContext], Made]
    declared: artifact

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that it writes, its own first."""
        return self.declared.tables or (self.name,)

    def define(
        self,
        pipeline: Pipeline,
        op_tags: Mapping[str, Any] | None = None,
        retry_policy: dg.RetryPolicy | None = None,
    ) -> dg.AssetsDefinition:
        """The Dagster asset for a profile. Its step has these tags and this retry policy, for other executors."""
        declared = self.declared
        partitions, inputs = declared.partitions(pipeline), declared.inputs(pipeline)
        readable = frozenset(
            {*self.tables, *(table for one in inputs for table in load_artifacts()[one.name].tables)}
        )

        @dg.asset(
            name=self.name,
            description=inspect.getdoc(self.make),
            partitions_def=partitions,
            deps=[
                *(dg.AssetDep(one.name, partition_mapping=one.mapping) for one in inputs),
                *declared.parameters(pipeline),
            ],
            group_name=declared.stage.value,  # the pages need text, not an enum member
            kinds=set(declared.kinds),
            owners=OWNERS,
            code_version=declared.code_version,
            pool=ENGINE_POOL if declared.uses_engine else None,
            check_specs=[check.spec(self.name, partitions) for check in declared.checks],
            required_resource_keys={"store", "machines", "tracking", "progress"},
            op_tags=op_tags,
            retry_policy=retry_policy,
        )
        def asset(context):  # type: ignore[no-untyped-def]  # Dagster refuses annotations that are strings
            yield from self._run(context, pipeline, readable)

        return asset

    def _run(self, context: dg.AssetExecutionContext, pipeline: Pipeline, readable: frozenset[str]) -> Events:
        """Make one partition, and report it to Dagster."""
        started, resources = time.perf_counter(), context.resources
        given = ArtifactContext(
            dagster=context,
            artifact=self.name,
            pipeline=pipeline,
            store=DeclaredStore(resources.store.root, self.name, readable),
            machines=resources.machines,
            tracking=resources.tracking,
            progress=resources.progress,
        )
        try:
            made = self.make(given)
            require(made.checks)
        except BrokenArtifactError as broken:
            yield from broken.checks
            raise dg.Failure(f"{self.name}: check {broken} failed; nothing was written") from broken
        yield _publish(given, made, time.perf_counter() - started)


def _publish(context: ArtifactContext, made: Made, seconds: float) -> dg.MaterializeResult[Any]:
    """Write the tables, record the version of what is there, and describe it."""
    store, metadata = context.store, {"seconds": round(seconds, 3), **made.metadata}
    files = list(made.files)
    for table in made.tables:
        name, partition = table.name or context.artifact, _partition_of(table, context)
        store.write(table.record, name, table.rows, partition)
        files.append(store.path(name, partition))
    version = made.version
    if made.tables:
        main = made.tables[0]
        hashes = [content_hash(table.rows, table.without) for table in made.tables if table.decides]
        version = joined_hash(hashes)
        metadata = {
            "dagster/row_count": len(main.rows),
            "dagster/column_schema": column_schema(main.record),
            "dagster/uri": str(store.path(main.name or context.artifact, _partition_of(main, context))),
            **metadata,
        }
    assert version is not None
    store.note_version(context.artifact, context.partition, version, files)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version), check_results=list(made.checks), metadata=metadata
    )


def _partition_of(table: Table, context: ArtifactContext) -> str | None:
    return context.partition if table.partition is None else table.partition


ARTIFACTS: dict[str, Artifact] = {}
"""Everything that was registered, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class artifact:  # noqa: N801  reads as the decorator that it is
    """Registers a function as the artifact of its name. What depends on the profile is a function of a pipeline.

    Raise `code_version` when the algorithm changes; what was made before is then stale. `tables` names its tables,
    when it writes more than its own. `wanted` says whether a profile has it, `measured` whether the leaderboard
    reads it, `spends` under which names its metadata give its cost.

    Raises:
        ValueError: on use, when the name is taken.
    """

    stage: Stage
    code_version: str
    partitions: Callable[[Pipeline], dg.PartitionsDefinition | None] = lambda pipeline: None
    inputs: Callable[[Pipeline], Sequence[Input]] = lambda pipeline: ()
    parameters: Callable[[Pipeline], Sequence[dg.AssetDep]] = lambda pipeline: ()
    checks: tuple[Check, ...] = ()
    tables: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("parquet",)
    uses_engine: bool = False
    measured: bool = False
    spends: Spent | None = None
    wanted: Callable[[Pipeline], bool] = lambda pipeline: True

    def __call__(self, make: Callable[[ArtifactContext], Made]) -> Artifact:
        """Register `make`."""
        name = make.__name__
        if name in ARTIFACTS:
            raise ValueError(f"artifact {name!r} is registered twice, by {make.__module__} too")
        ARTIFACTS[name] = Artifact(name, make, self)
        return ARTIFACTS[name]


def load_artifacts() -> Mapping[str, Artifact]:
    """All artifacts: of this package, and of others that name a module in the entry points `genprm.artifacts`."""
    for module in pkgutil.iter_modules(assets.__path__):
        importlib.import_module(f"assets.{module.name}")
    for entry in installed_entry_points(GROUP).values():
        entry.load()
    return ARTIFACTS


def wanted_artifacts(pipeline: Pipeline) -> list[Artifact]:
    """The artifacts that a profile has."""
    return [one for one in load_artifacts().values() if one.declared.wanted(pipeline)]
