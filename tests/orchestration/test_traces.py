"""Verifications as traces, read back with MLflow's own client from a real SQLite database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.resources import Benchmark, Verified
from genprm.records import BenchmarkCase, Prediction, Provenance, StepVerification, Verification
from genprm.settings import TrackingSettings
from orchestration.traces import sampled
from orchestration.tracking import MlflowRun, MlflowTracking

PROVENANCE = Provenance("fake", "1", "raw")
RIGHT = StepVerification("It adds. Yes", "It adds.", "print(1 + 1)", "2\n", 0.9, "Yes", False, ["ok"], 7)
WRONG = StepVerification("No", "It does not.", "1 / 0", "ZeroDivisionError", 0.2, "No", True, ["error"], 5)
SILENT = StepVerification("?", "", "", "", 0.5, "none", False, [], 3)


def predicted(number: int, subset: str = "gsm8k", label: int = -1) -> Prediction:
    steps, rewards = ["1 + 1 = 2.", "2 + 2 = 5."], [0.9, 0.2]
    case = (f"{subset}-{number}", subset, "policy", "What is it?", steps, True, label)
    return Prediction(*case, 1, rewards, [rewards], 12, 30)


def verification(case: Prediction, *steps: StepVerification, path: int = 0) -> Verification:
    return Verification(case.id, path, "full", list(steps), 30, 12, PROVENANCE, ["No", "Yes"])


def verified(rows: Sequence[Prediction], paths: Sequence[Verification]) -> Verified:
    return Verified("m.main.full", "processbench", 0.5, rows, paths)


class Evaluation:
    """A run of MLflow that evaluates a logged model, and what its traces say."""

    def __init__(self, tracking: MlflowTracking) -> None:
        self.client = tracking.client()
        (experiment,) = self.client.search_experiments(filter_string="name = 'genprm'")
        self.experiment = experiment.experiment_id
        self.uri = tracking.uri
        self.model = self.client.create_logged_model(self.experiment, name="m").model_id
        self.run = self.open(traces=10)

    def open(self, traces: int) -> MlflowRun:
        run_id = self.client.create_run(self.experiment).info.run_id
        return MlflowRun(self.client, run_id, self.experiment, self.uri, self.model, traces)

    def traces(self, query: str | None = None) -> list[Any]:
        found = self.client.search_traces(locations=[self.experiment], run_id=self.run.id, filter_string=query)
        return sorted(found, key=lambda trace: trace.info.tags["case_id"])


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowTracking]:
    """One database for all tests of this module: making its tables takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENPRM_HOME", str(tmp_path_factory.mktemp("traces")))
        made = MlflowTracking(TrackingSettings(), "fake")
        made.client()
        yield made


@pytest.fixture
def evaluation(tracking: MlflowTracking) -> Evaluation:
    return Evaluation(tracking)


def test_a_trace_has_the_steps_of_a_verification_in_order(evaluation: Evaluation) -> None:
    case = predicted(0, label=1)
    evaluation.run.verifications(verified([case], [verification(case, RIGHT, WRONG)]))
    (trace,) = evaluation.traces()
    spans = {span.span_id: span for span in trace.data.spans}
    tree = [(span.name, spans[span.parent_id].name if span.parent_id else None) for span in trace.data.spans]
    assert tree == [
        ("solution", None),
        *[("step 0", "solution"), ("write", "step 0"), ("run", "step 0"), ("judge", "step 0")],
        *[("step 1", "solution"), ("write", "step 1"), ("run", "step 1"), ("judge", "step 1")],
    ]
    _, _, write, run, judge, second, _, failed, forced = trace.data.spans
    assert (write.span_type, run.span_type, judge.span_type) == ("LLM", "TOOL", "EVALUATOR")
    assert write.outputs == {"analysis": "It adds.", "code": "print(1 + 1)"}
    assert (run.inputs, run.outputs) == ({"code": "print(1 + 1)"}, {"output": "2\n"})
    assert judge.outputs == {"verdict": "Yes", "reward": 0.9}
    assert (run.status.status_code, failed.status.status_code) == ("OK", "ERROR")
    assert (second.attributes["label"], second.attributes["tokens"]) == ("wrong", 5)
    assert (judge.attributes["forced"], forced.attributes["forced"]) == (False, True)


def test_no_duration_is_claimed(evaluation: Evaluation) -> None:
    case = predicted(0)
    evaluation.run.verifications(verified([case], [verification(case, RIGHT)]))
    (trace,) = evaluation.traces()
    assert trace.info.execution_duration == 0
    assert all(span.start_time_ns == span.end_time_ns for span in trace.data.spans)


def test_a_step_without_text_or_code_has_only_its_missing_verdict(evaluation: Evaluation) -> None:
    case = predicted(0)
    evaluation.run.verifications(verified([case], [verification(case, SILENT)]))
    (trace,) = evaluation.traces()
    *_, judge = trace.data.spans
    assert [span.name for span in trace.data.spans] == ["solution", "step 0", "judge"]
    assert judge.attributes["missing"] is True
    assert judge.status.status_code == "ERROR"


def test_a_trace_is_found_by_its_run_its_model_and_its_tags(evaluation: Evaluation) -> None:
    right, wrong = predicted(0, label=1), predicted(1, label=0)
    evaluation.run.verifications(
        verified([right, wrong], [verification(one, RIGHT, WRONG) for one in (right, wrong)])
    )
    assert [trace.info.tags["case_id"] for trace in evaluation.traces("tags.correct = 'true'")] == ["gsm8k-0"]
    (trace,) = evaluation.traces("tags.case_id = 'gsm8k-1' AND tags.subset = 'gsm8k' AND tags.mode = 'full'")
    assert trace.info.trace_metadata["mlflow.modelId"] == evaluation.model
    assert trace.info.token_usage == {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42}


def test_the_label_is_the_expectation_and_the_prediction_is_feedback(evaluation: Evaluation) -> None:
    case = predicted(0, label=0)
    evaluation.run.verifications(verified([case], [verification(case, RIGHT, WRONG)]))
    (trace,) = evaluation.traces()
    found = {one.name: one for one in trace.info.assessments}
    assert {name: one.value for name, one in found.items()} == {
        "first_error": 0,
        "predicted_first_error": 1,
        "correct": False,
    }
    assert found["first_error"].source.source_type == "HUMAN"
    assert found["predicted_first_error"].source.source_id == "m.main.full"


def test_none_are_logged_where_the_setting_says_so(evaluation: Evaluation) -> None:
    case = predicted(0)
    evaluation.open(traces=0).verifications(verified([case], [verification(case, RIGHT)]))
    assert evaluation.traces() == []


def test_the_sample_is_spread_over_each_subset_and_leaves_out_what_was_kept_without_text() -> None:
    rows = [predicted(n, subset) for subset in ("gsm8k", "math") for n in range(10)]
    bare = replace(RIGHT, text="", analysis="", code="", output="")
    paths = [verification(row, RIGHT if row.id != "math-0" else bare, path=path) for row in rows for path in (0, 1)]
    chosen = [(row.id, path.path) for row, path in sampled(verified(rows, paths), 2)]
    cases = ["gsm8k-0", "gsm8k-5", "math-1", "math-5"]
    assert chosen == [(case, path) for case in cases for path in (0, 1)]
    assert len(sampled(verified(rows, paths), 100)) == 2 * 19


def test_a_benchmark_is_a_data_set_for_each_content(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", evaluation.uri)  # a data set reads its records from there
    cases = [BenchmarkCase(f"gsm8k-{n}", "gsm8k", "policy", "What is it?", ["So 2."], True, n - 1) for n in (0, 1)]
    for version in ("0123456789abcdef", "0123456789abcdef", "fedcba9876543210"):
        evaluation.run.benchmark(Benchmark("processbench", version, cases), tmp_path / "cases.parquet")
    found = evaluation.client.search_datasets([evaluation.experiment])
    assert sorted(one.name for one in found) == ["processbench 01234567", "processbench fedcba98"]
    records = sorted(found[0].to_df().to_dict("records"), key=lambda record: record["inputs"]["case"])
    assert [record["expectations"]["first_error"] for record in records] == [-1, 0]
    assert [record["tags"]["subset"] for record in records] == ["gsm8k", "gsm8k"]
    inputs = evaluation.client.get_run(evaluation.run.id).inputs.dataset_inputs
    assert {(one.dataset.name, one.dataset.digest) for one in inputs} == {
        ("processbench 01234567", "0123456789abcdef"),
        ("processbench fedcba98", "fedcba9876543210"),
    }
