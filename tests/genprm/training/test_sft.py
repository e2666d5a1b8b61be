"""The training process: what reaches the model, and what comes out."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genprm.manifest import read_manifest
from genprm.records import TrainingExample
from genprm.settings import TrainingSettings, TurnFormat, VerifierSettings
from genprm.training import TrainingError, TrainingJob, TrainingReport, progress_of, run_training
from tests.genprm.training.train_here import train_here

SETTINGS = TrainingSettings(
    epochs=3,
    learning_rate=2e-2,
    batch_size=4,
    device_batch_size=2,
    max_length=512,
    warmup_ratio=0.1,
    precision="fp32",
)
VERIFIER = VerifierSettings(format=TurnFormat(analyze_lead="Let's see {number}: "))
MANIFEST = {"inference_mode": "full", "verifier": VERIFIER.model_dump(mode="json")}


def train(examples: list[TrainingExample], base: Path, out: Path, **changes: Any) -> TrainingReport:
    settings = SETTINGS.model_copy(update=changes.pop("settings", {}))
    options: dict[str, Any] = {"env": {}, "log": lambda line: None} | changes
    return run_training(examples, TrainingJob(str(base), settings, True, out, MANIFEST), **options)


@pytest.mark.slow
def test_labels_reach_the_model_token_by_token(
    base_model: Path, tokenizer: Any, examples: list[TrainingExample], tmp_path: Path
) -> None:
    from genprm.training.sft import build_trainer
    from genprm.training.tokens import IGNORED, encode_conversations

    encoded = encode_conversations(tokenizer, examples, max_length=512, mask_code_output=True)
    job = TrainingJob(str(base_model), SETTINGS, True, tmp_path / "out", {})
    batches = list(build_trainer(job, encoded, tokenizer).get_train_dataloader())

    seen = []
    for batch in batches:
        for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            length = int(mask.sum())
            assert set(labels[length:].tolist()) <= {IGNORED}
            seen.append((ids[:length].tolist(), labels[:length].tolist()))
    assert sorted(seen) == sorted((row.input_ids, row.labels) for row in encoded.rows)


@pytest.mark.slow
def test_without_padding_a_batch_is_one_row_and_the_losses_are_the_same(
    base_model: Path, tokenizer: Any, examples: list[TrainingExample], tmp_path: Path
) -> None:
    from genprm.training import sft
    from genprm.training.tokens import encode_conversations

    encoded = encode_conversations(tokenizer, examples, max_length=512, mask_code_output=True)
    settings = SETTINGS.model_copy(update={"padding_free": True})
    job = TrainingJob(str(base_model), settings, True, tmp_path / "row", {})
    batches = list(sft.build_trainer(job, encoded, tokenizer).get_train_dataloader())
    assert all(len(batch["input_ids"]) == 1 for batch in batches)
    held = sum(batch["input_ids"].numel() for batch in batches)
    assert held == sum(len(row.input_ids) for row in encoded.rows)

    padded = TrainingJob(str(base_model), SETTINGS, True, tmp_path / "padded")
    expected = [point.loss for point in train_here(sft.train, examples, padded).losses]
    behind = train_here(sft.train, examples, replace(job, out_dir=tmp_path / "behind"))
    assert [point.loss for point in behind.losses] == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_a_checkpoint_is_complete_and_better_than_its_base(
    base_model: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    lines: list[str] = []
    report = train(examples, base_model, tmp_path / "checkpoint", log=lines.append)

    assert report.examples == 10
    assert report.dropped == 0
    assert report.steps == 3 * 3, "10 conversations in batches of 4 make 3 steps an epoch"
    assert [point.step for point in report.losses] == list(range(1, 10))
    assert report.losses[-1].loss < 0.7 * report.losses[0].loss
    assert 0 < report.loss_tokens < report.tokens
    assert any("step 9/9" in line for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]

    made = read_manifest(report.checkpoint)
    assert made is not None
    assert made.inference_mode == "full"
    assert made.verifier == VERIFIER
    assert made.settings == SETTINGS
    assert made.mask_code_output is True
    assert made.versions["trl"].startswith("1.")
    assert json.loads((report.checkpoint / "losses.json").read_text())[0]["loss"] == report.losses[0].loss

    before, after = (AutoTokenizer.from_pretrained(path) for path in (base_model, report.checkpoint))
    text = "<|im_start|>user\nStep 1: 2 + 2\n\n<|im_end|>\n"
    assert after(text)["input_ids"] == before(text)["input_ids"]
    assert after.chat_template == before.chat_template
    AutoModelForCausalLM.from_pretrained(report.checkpoint)


@pytest.mark.slow
def test_a_failure_ends_with_the_last_lines_and_leaves_the_old_checkpoint(
    base_model: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    out = tmp_path / "checkpoint"
    out.mkdir()
    (out / "old").touch()

    with pytest.raises(TrainingError, match=r"with status 1; its last lines:[\s\S]*max_length = 20 tokens"):
        train(examples, base_model, out, settings={"max_length": 20})
    assert [path.name for path in out.iterdir()] == ["old"]


@pytest.mark.slow
def test_losses_go_to_the_mlflow_run_that_is_named(
    base_model: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    import mlflow

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("test", artifact_location=str(tmp_path / "artifacts"))
    run_id = client.create_run(experiment, run_name="named by its owner").info.run_id

    env = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_RUN_ID": run_id}
    report = train(examples, base_model, tmp_path / "checkpoint", env=env)

    logged = client.get_metric_history(run_id, "loss")
    assert [(metric.step, metric.value) for metric in logged] == [
        (point.step, pytest.approx(point.loss)) for point in report.losses
    ]
    run = client.get_run(run_id)
    assert run.data.params == {}
    assert run.info.run_name == "named by its owner"


@pytest.mark.slow
def test_training_dies_with_the_process_that_asked_for_it(
    base_model: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            f"""
            from pathlib import Path
            from genprm.records import Message, TrainingExample
            from genprm.settings import TrainingSettings
            from genprm.training import TrainingJob, run_training
            messages = [Message("user", "1 + 1"), Message("assistant", "2")]
            settings = TrainingSettings(epochs=100000, batch_size=1, precision="fp32", max_length=64)
            job = TrainingJob({str(base_model)!r}, settings, False, Path({str(tmp_path / "out")!r}))
            run_training([TrainingExample("a", messages)], job, {{}}, lambda line: print(line, flush=True))
            """
        )
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert "1 conversations" in parent.stdout.readline()
    (child,) = children(parent.pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 30
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(child)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text()


def test_progress_is_read_from_the_output() -> None:
    assert progress_of("step 12/150  loss 0.4321  token accuracy 0.901  8 s") == (12, 150)
    assert progress_of("10 conversations, 0 too long and dropped") is None


def test_no_examples_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training set is empty"):
        train([], tmp_path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
