"""Verifications as traces in MLflow: solution > step > write, run, judge.

They are made from what is kept beside the predictions. MLflow wants times, and none are kept: every span begins and
ends when it is logged, a nanosecond after the one before it, so that the order is true and no duration is claimed.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assets.resources import Verified
from genprm.records import NO_ERROR, Prediction, StepVerification, Verification
from genprm.verification.rewards import first_error

if TYPE_CHECKING:
    from mlflow.entities import Assessment, Span, TraceInfo
    from mlflow.tracing.client import TracingClient

FIRST_ERROR, PREDICTED, CORRECT = "first_error", "predicted_first_error", "correct"
"""Assessments of a trace: the label as expectation; what the path says, and whether that is right, as feedback."""

SPANS_AT_ONCE = 1000
PREVIEW_CHARACTERS = 200
_LABELLED_BY = {"processbench": "HUMAN"}
"""Who labelled a benchmark, where that is known; other labels are attributed to code."""


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """Where traces belong: an experiment, one of its runs, and the logged model that judged, where there is one."""

    experiment: str
    run_id: str
    model_id: str | None


def sampled(verified: Verified, count: int) -> list[tuple[Prediction, Verification]]:
    """The kept paths of `count` cases per subset, evenly spread over those that have texts.

    They are the same cases for every model, as far as the texts of all models are kept.
    """
    paths: dict[str, list[Verification]] = {}
    for path in verified.paths:
        if any(step.text for step in path.steps):
            paths.setdefault(path.id, []).append(path)
    subsets: dict[str, list[Prediction]] = {}
    for row in verified.predictions:
        if row.id in paths:
            subsets.setdefault(row.subset, []).append(row)
    return [(row, path) for rows in subsets.values() for row in _spread(rows, count) for path in paths[row.id]]


def _spread(rows: Sequence[Prediction], count: int) -> list[Prediction]:
    taken = min(count, len(rows))
    return [rows[index * len(rows) // taken] for index in range(taken)]


def log_traces(client: TracingClient, target: TraceTarget, verified: Verified, count: int) -> int:
    """Log the verifications of `count` cases per subset; return the number of traces."""
    made = [_Trace(target, verified, row, path) for row, path in sampled(verified, count)]
    for trace in made:
        client.start_trace(trace.info())
    spans = [span for trace in made for span in trace.spans()]
    for start in range(0, len(spans), SPANS_AT_ONCE):
        client.log_spans(target.experiment, spans[start : start + SPANS_AT_ONCE])
    return len(made)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one span tells; with a `failure` it is shown as failed."""

    name: str
    kind: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    attributes: Mapping[str, Any]
    failure: str = ""


@dataclass(slots=True)
class _Trace:
    """One path over one case."""

    target: TraceTarget
    verified: Verified
    row: Prediction
    path: Verification
    id: str = field(default_factory=lambda: f"tr-{uuid.uuid4().hex}")
    start: int = field(default_factory=time.time_ns)

    @property
    def predicted(self) -> int:
        """The first error as this path sees it."""
        return first_error([step.reward for step in self.path.steps], self.verified.threshold)

    def info(self) -> TraceInfo:
        """What is known of the trace besides its spans."""
        from mlflow.entities import TraceInfo, TraceLocation, TraceState
        from mlflow.tracing.constant import TraceMetadataKey

        links = {TraceMetadataKey.SOURCE_RUN: self.target.run_id, TraceMetadataKey.MODEL_ID: self.target.model_id}
        return TraceInfo(
            trace_id=self.id,
            trace_location=TraceLocation.from_experiment_id(self.target.experiment),
            request_time=self.start // 1_000_000,
            execution_duration=0,
            state=TraceState.OK,
            request_preview=self.row.problem[:PREVIEW_CHARACTERS],
            response_preview=f"first error {self.predicted}, label {self.row.label}",
            trace_metadata={name: value for name, value in links.items() if value is not None},
            tags={"mlflow.traceName": f"{self.verified.model} on {self.row.id}", **self._tags()},
            assessments=self._assessments(),
        )

    def _tags(self) -> dict[str, str]:
        return {
            "model": self.verified.model,
            "mode": self.path.mode,
            "subset": self.row.subset,
            "case_id": self.row.id,
            "path": str(self.path.path),
            CORRECT: str(self.predicted == self.row.label).lower(),
        }

    def _assessments(self) -> list[Assessment]:
        from mlflow.entities import AssessmentSource, Expectation, Feedback

        benchmark, model = self.verified.benchmark, self.verified.model
        labelled = AssessmentSource(_LABELLED_BY.get(benchmark, "CODE"), benchmark)
        right = self.predicted == self.row.label
        return [
            Expectation(name=FIRST_ERROR, value=self.row.label, source=labelled),
            Feedback(name=PREDICTED, value=self.predicted, source=AssessmentSource("LLM_JUDGE", model)),
            Feedback(name=CORRECT, value=right, source=AssessmentSource("CODE", "genprm")),
        ]

    def spans(self) -> Iterator[Span]:
        """The solution, each judged step, and what was done about it, in order."""
        row, path = self.row, self.path
        solution = _Part(
            "solution",
            "CHAIN",
            inputs={"problem": row.problem, "steps": row.steps},
            outputs={"first_error": self.predicted, "rewards": [step.reward for step in path.steps]},
            attributes={
                "label": row.label,
                "mlflow.chat.tokenUsage": {
                    "input_tokens": path.prompt_tokens,
                    "output_tokens": path.tokens,
                    "total_tokens": path.prompt_tokens + path.tokens,
                },
                **self._tags(),
            },
        )
        yield self._span(solution, 0, None)
        number = 1
        for index, step in enumerate(path.steps):
            parent = number
            for part in self._step(index, step):
                yield self._span(part, number, parent=0 if number == parent else parent)
                number += 1

    def _step(self, index: int, step: StepVerification) -> list[_Part]:
        asked, written = {"step": self.row.steps[index]}, {"analysis": step.analysis, "code": step.code}
        verdict = {"verdict": step.verdict, "reward": step.reward}
        labelled = {"label": _label(index, self.row.label), "tokens": step.tokens}
        parts = [_Part(f"step {index}", "CHAIN", asked, verdict, labelled)]
        if any(written.values()):
            shown = {name: value for name, value in written.items() if value}
            by_model = {"mlflow.llm.model": self.verified.model, "tokens": step.tokens}
            parts.append(_Part("write", "LLM", asked, shown, by_model))
        if step.executions:
            failure = ", ".join(one for one in step.executions if one != "ok")
            ran = {"executions": step.executions}
            parts.append(_Part("run", "TOOL", {"code": step.code}, {"output": step.output}, ran, failure))
        missing = step.verdict == "none"
        judged = {**verdict, "forced": step.forced, "missing": missing}
        failure = "no verdict could be had" if missing else ""
        return [*parts, _Part("judge", "EVALUATOR", asked, verdict, judged, failure)]

    def _span(self, part: _Part, number: int, parent: int | None) -> Span:
        from mlflow.entities import Span

        known = {
            "mlflow.traceRequestId": self.id,
            "mlflow.spanType": part.kind,
            "mlflow.spanInputs": part.inputs,
            "mlflow.spanOutputs": part.outputs,
            **part.attributes,
        }
        return Span.from_dict(
            {
                "trace_id": self.id,
                "span_id": _span_id(number),
                "parent_span_id": None if parent is None else _span_id(parent),
                "name": part.name,
                "start_time_unix_nano": self.start + number,
                "end_time_unix_nano": self.start + number,
                "status": {"code": "ERROR" if part.failure else "OK", "message": part.failure},
                "attributes": {key: json.dumps(value) for key, value in known.items()},
            }
        )


def _span_id(number: int) -> str:
    return f"{number + 1:016x}"


def _label(index: int, label: int) -> str:
    """What the benchmark says of a step: nothing after the first error."""
    if label == NO_ERROR or index < label:
        return "right"
    return "wrong" if index == label else "after the first error"
