"""The nouns of the method, one frozen dataclass each, and the table schema that follows from it.

A table is a Parquet file with one row per record; its columns are the record's fields in order. Lists of
steps, scores and labels are list columns. Nothing that differs between two runs of the same work (seconds,
host names, dates) is a field: the content of a table identifies it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

NO_ERROR = -1
"""Index that stands for "no step is wrong", as in ProcessBench."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its reference answer."""

    id: str
    problem: str
    answer: str
    source: str


@dataclass(frozen=True, slots=True)
class SampledProblem:
    """What sampling the policy on one problem gave (paper 4.2): all paths, kept or not.

    `outcome` is kept, easy (no incorrect valid path) or hard (no correct valid path); only kept problems go on.
    `invalid` paths (truncated, one step, misnumbered) count as incorrect for `pass_at_1`. `tokens` were generated;
    `prompt_tokens` are those of the prompt, which all samples share, read once.
    """

    problem_id: str
    samples: int
    correct: int
    invalid: int
    pass_at_1: float
    outcome: str
    tokens: int
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Solution:
    """One kept path of the policy. `pass_at_1` is that of its problem and serves as MC(s_1)."""

    id: str
    problem_id: str
    problem: str
    answer: str
    steps: list[str]
    final_answer: str | None
    correct: bool
    pass_at_1: float


@dataclass(frozen=True, slots=True)
class StepScores:
    """Monte-Carlo scores of one solution: `mc[t]` is MC(s_t, a_t), the share of rollouts after step t that
    reach the answer; `rollouts[t]` of them were drawn (0 for the last step and after the first zero).

    `stopped[t]` says why step t got no more rollouts (`genprm.monte_carlo.stopping.StopReason`). `decided_for` is
    the epsilon that sequential estimation decided for; None when every step got its K rollouts. `outcomes[t]` has a
    character per rollout in the order drawn: 1 where it reached the answer, 0 where not. `tokens` were generated;
    `prompt_tokens` are those of the longest prompt, which begins with all the others, read once.
    """

    solution_id: str
    problem_id: str
    pass_at_1: float
    mc: list[float]
    rollouts: list[int]
    tokens: int
    stopped: list[str] = dataclasses.field(default_factory=list)
    decided_for: float | None = None
    outcomes: list[str] = dataclasses.field(default_factory=list)
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class StepLabels:
    """Step labels of one solution under one estimator. `first_error` is the first 0-based index with label 0."""

    solution_id: str
    estimator: str
    epsilon: float
    progress: list[float]
    labels: list[int]
    first_error: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a reward was read from: an engine ("vllm"), its version, and the kind of its log-probabilities.

    `logprobs` is "raw" (before temperature and truncation) or "processed" (after both, as vLLM gave them before
    its version 1, which makes rewards almost binary).
    """

    engine: str
    version: str
    logprobs: str


@dataclass(frozen=True, slots=True)
class StepVerification:
    """The judgement of one step on one path.

    `text` is the whole assistant turn. `reward` is P(Yes) / (P(Yes) + P(No)) at the verdict, in [0, 1]; 0.5 and
    `verdict` "none" when no verdict could be had. `forced` says that the verdict was asked for because rounds or
    tokens ran out. `executions` holds the sandbox status of every block that was run.
    """

    text: str
    analysis: str
    code: str
    output: str
    reward: float
    verdict: str
    forced: bool
    executions: list[str]
    tokens: int


@dataclass(frozen=True, slots=True)
class Verification:
    """One path over the steps of one solution. Shorter than the solution when it stopped at the first error.

    `provenance` says what its rewards were read from, `spellings` which tokens stood for Yes or No where a verdict
    was due, in alphabetical order.
    """

    id: str
    path: int
    mode: str
    steps: list[StepVerification]
    prompt_tokens: int
    tokens: int
    provenance: Provenance
    spellings: list[str]


@dataclass(frozen=True, slots=True)
class VoteReading:
    """How the rewards of all paths over one solution were read: from what (each once: a run may go on with another
    engine than it began with), which tokens stood for Yes or No, and how many verdicts the model did not give of
    its own, but when asked for them, or not at all."""

    provenance: list[Provenance]
    spellings: list[str]
    forced: int


@dataclass(frozen=True, slots=True)
class Rationale:
    """The rationale model's verification of a solution, with the solution it judges."""

    solution_id: str
    problem: str
    steps: list[str]
    judged_first_error: int
    verification: Verification


@dataclass(frozen=True, slots=True)
class FilterDecision:
    """What consensus filtering decided for one solution; `reason` is "agree" for the kept ones."""

    solution_id: str
    kept: bool
    reason: str
    label_first_error: int
    judged_first_error: int


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One conversation in TRL's conversational format."""

    id: str
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """A ProcessBench row: `label` is the 0-based index of the first wrong step, -1 if there is none."""

    id: str
    subset: str
    generator: str
    problem: str
    steps: list[str]
    final_answer_correct: bool
    label: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """A benchmark case with what a model made of it: the released fields, then `prediction` and `rewards`.

    `path_rewards` holds the rewards of each verification path; `rewards` is their mean (Maj@N, paper eq. 7).
    `executions` counts the code blocks that were run. `reading` is None where no verdict of a generative model was
    read: the rewards are the model's own numbers.
    """

    id: str
    subset: str
    generator: str
    problem: str
    steps: list[str]
    final_answer_correct: bool
    label: int
    prediction: int
    rewards: list[float]
    path_rewards: list[list[float]]
    tokens: int
    prompt_tokens: int
    executions: int = 0
    reading: VoteReading | None = None


@dataclass(frozen=True, slots=True)
class SampledSolution:
    """One of the N solutions that the policy sampled for a problem of an answer set (Best-of-N, paper 5.3).

    `group` numbers the different answers to the problem in the order in which they were drawn, None without an
    answer. A solution whose steps are not numbered has its paragraphs as steps; a truncated one has no answer.
    `tokens` were generated; `prompt_tokens` are those of the prompt, the same for all candidates of a problem.
    """

    id: str
    problem_id: str
    problem: str
    steps: list[str]
    final_answer: str | None
    group: int | None
    correct: bool
    tokens: int
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SolutionRewards:
    """What a reward model gave a sampled solution: `rewards` per step, the mean over the verification paths; of a
    model that answers for whole solutions that one answer.

    `executions` counts the code blocks that were run, `reading` says how the rewards were read; it is None where
    they are the model's own numbers.
    """

    id: str
    problem_id: str
    rewards: list[float]
    path_rewards: list[list[float]]
    tokens: int
    prompt_tokens: int
    executions: int
    reading: VoteReading | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of the leaderboard with its 95 % interval where it has one (`low`, `high`).

    `group` is the table it stands in, `subject` the row (a model, a label variant, a stage) and `name` the column;
    `unit` is "%", "points" or "count". `count` is how many items it was measured on.
    """

    group: str
    subject: str
    name: str
    value: float
    low: float | None
    high: float | None
    unit: str
    count: int


R = TypeVar("R")

_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def _arrow_type(annotation: Any) -> pa.DataType:
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin = typing.get_origin(annotation)
    if origin is list:
        return pa.list_(_arrow_type(typing.get_args(annotation)[0]))
    if origin is types.UnionType:
        return _arrow_type(_without_none(annotation))
    if dataclasses.is_dataclass(annotation):
        return pa.struct(list(schema_of(typing.cast(type, annotation))))
    raise TypeError(f"no column type for {annotation!r}")


def schema_of(record: type) -> pa.Schema:
    """The Arrow schema of a record type: its fields in order.

    >>> schema_of(Problem).names
    ['id', 'problem', 'answer', 'source']
    """
    hints = typing.get_type_hints(record)
    return pa.schema([(f.name, _arrow_type(hints[f.name])) for f in dataclasses.fields(record)])


def to_table(record: type[R], rows: Iterable[R]) -> pa.Table:
    """Rows of one record type as an Arrow table with exactly that type's schema."""
    dicts = [dataclasses.asdict(typing.cast(Any, row)) for row in rows]
    return pa.Table.from_pylist(dicts, schema=schema_of(record))


def _without_none(annotation: Any) -> Any:
    (inner,) = (one for one in typing.get_args(annotation) if one is not type(None))
    return inner


def _from_value(annotation: Any, value: Any) -> Any:
    if value is None or annotation in _SCALARS:
        return value
    origin = typing.get_origin(annotation)
    if origin is types.UnionType:
        return _from_value(_without_none(annotation), value)
    if origin is list:
        inner = typing.get_args(annotation)[0]
        return [_from_value(inner, item) for item in value]
    if dataclasses.is_dataclass(annotation):
        return from_dict(typing.cast(type, annotation), value)
    return value


def from_dict(record: type[R], row: dict[str, Any]) -> R:
    """A record from what `dataclasses.asdict` made of it (or from the same as JSON)."""
    hints = typing.get_type_hints(record)
    return record(**{name: _from_value(hints[name], row[name]) for name in hints})


def content_hash(rows: Iterable[Any], without: Sequence[str] = ()) -> str:
    """Sixteen hex digits of what rows say, whatever wrote them and in whichever file; fields in `without` aside.

    >>> content_hash([Message("user", "hi")]) == content_hash([Message("user", "hi")])
    True
    >>> content_hash([Message("user", "hi")], ["role"]) == content_hash([Message("system", "hi")], ["role"])
    True
    """
    digest = hashlib.sha256()
    for row in rows:
        values = {name: value for name, value in dataclasses.asdict(row).items() if name not in without}
        digest.update(json.dumps(values, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()[:16]


ROWS_AT_A_TIME = 1024
"""Rows that are turned into columns, or back, together: there is never a second copy of them all."""


def read_rows(record: type[R], path: Path) -> list[R]:
    """Read a Parquet file written by `write_rows`.

    Raises:
        ValueError: a column is missing or of another type; the message names the record.
    """
    expected = schema_of(record)
    with pq.ParquetFile(path) as file:
        found = file.schema_arrow
        if found.remove_metadata() != expected:
            raise ValueError(
                f"table is not a table of {record.__name__}: found columns {found.names}, "
                f"expected {expected.names} (or the column types differ)"
            )
        parts = file.iter_batches(ROWS_AT_A_TIME)
        return [from_dict(record, row) for part in parts for row in part.to_pylist()]


def write_rows(record: type[R], rows: Sequence[R], path: Path) -> None:
    """Write rows to a Parquet file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with pq.ParquetWriter(part, schema_of(record)) as writer:
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            writer.write_table(to_table(record, rows[start : start + ROWS_AT_A_TIME]))
    part.replace(path)
