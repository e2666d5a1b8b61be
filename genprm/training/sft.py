"""The training process: `python -m genprm.training.sft JOB.json`.

TRL's SFTTrainer on conversations that `genprm.training.tokens` has already turned into ids and labels.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from genprm.engines.loading import load_network, load_tokenizer
from genprm.manifest import library_versions, write_manifest
from genprm.settings import TrainingSettings
from genprm.training.job import EXAMPLES_FILE, TRAINER_STATE, TrainingJob, read_examples
from genprm.training.launch import LOSSES_FILE, LossPoint
from genprm.training.order import EpochOrder
from genprm.training.process import run
from genprm.training.tokens import EncodedSet, encode_conversations

_LARGE = 100_000_000
"""Parameters from which on activations are recomputed to save memory; below, that only costs time."""
_RESUME_POINTS = 5
"""States saved along the way, of which the last is kept."""
_WHOLE = "whole"
"""Marks a state that was written to its end."""


def trainer_arguments(settings: TrainingSettings, state_dir: Path, parameters: int, report: bool) -> SFTConfig:
    """The settings as TRL's. The data is prepared: nothing is re-tokenised, truncated or packed."""
    return SFTConfig(
        output_dir=str(state_dir),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=settings.device_batch_size,
        gradient_accumulation_steps=settings.batch_size // settings.device_batch_size,
        lr_scheduler_type=settings.scheduler,
        # Below 1 this is a share of all steps.
        warmup_steps=min(settings.warmup_ratio, 0.9999),
        weight_decay=settings.weight_decay,
        bf16=settings.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=parameters >= _LARGE,
        seed=settings.seed,
        data_seed=settings.seed,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        save_strategy="steps",
        save_steps=1 / _RESUME_POINTS,
        save_total_limit=1,
        logging_steps=1,
        disable_tqdm=True,
        report_to=["mlflow"] if report else "none",
    )


class ProgressLines(TrainerCallback):  # type: ignore[misc]
    """Prints a line every few seconds: step, loss, accuracy, time."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.printed = 0.0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        """A line when the last one is old enough, and one at the end."""
        now = time.monotonic()
        if "loss" not in logs or (now - self.printed < 3 and state.global_step < state.max_steps):
            return
        self.printed = now
        print(
            f"step {state.global_step}/{state.max_steps}  loss {logs['loss']:.4f}  "
            f"token accuracy {logs.get('mean_token_accuracy', float('nan')):.3f}  {now - self.started:.0f} s",
            flush=True,
        )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the state as whole: an interruption from here on costs only what comes after."""
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _WHOLE).touch()
        print(f"step {state.global_step}/{state.max_steps}  state saved", flush=True)


class ConversationTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with the order of `genprm.training.order`.

    The library's own grouping by length draws from the global generator, which a run resumed in mid-epoch cannot
    reproduce.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochOrder:
        rows = self.train_dataset if train_dataset is None else train_dataset
        return EpochOrder([len(ids) for ids in rows["input_ids"]], self.args.train_batch_size, self.args.seed)


def build_trainer(job: TrainingJob, encoded: EncodedSet, tokenizer: Any) -> SFTTrainer:
    """Model, data and trainer, ready to train.

    Weights are held in float32 also under bf16 (autocast): at a learning rate of 2e-6 an update is smaller than
    the spacing of bf16 numbers and would be lost.
    """
    # On a CPU the backward pass of fused attention is slower than plain products at the lengths a CPU can train.
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    model = load_network(AutoModelForCausalLM, job.base, dtype=torch.float32, attn_implementation=attention)
    rows = Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in encoded.rows])
    report = bool(os.environ.get("MLFLOW_TRACKING_URI") and os.environ.get("MLFLOW_RUN_ID"))
    parameters = sum(weight.numel() for weight in model.parameters())
    arguments = trainer_arguments(job.settings, job.work_dir / TRAINER_STATE, parameters, report)
    trainer = ConversationTrainer(
        model=model, args=arguments, train_dataset=rows, processing_class=tokenizer, callbacks=[ProgressLines()]
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def losses(trainer: SFTTrainer) -> list[LossPoint]:
    """The loss at every step, steps before a resume included."""
    return [
        LossPoint(point["step"], point["epoch"], point["loss"], point["learning_rate"])
        for point in trainer.state.log_history
        if "loss" in point
    ]


def save_checkpoint(job: TrainingJob, trainer: SFTTrainer, encoded: EncodedSet) -> None:
    """Weights, tokenizer, generation config, loss curve and manifest; `out_dir` is replaced in one step."""
    part = job.work_dir / "checkpoint"
    shutil.rmtree(part, ignore_errors=True)
    model = trainer.model.to(torch.bfloat16 if job.settings.precision == "bf16" else torch.float32)
    model.config.use_cache = True
    model.save_pretrained(part)
    load_tokenizer(job.base).save_pretrained(part)
    curve = losses(trainer)
    (part / LOSSES_FILE).write_text(json.dumps([asdict(point) for point in curve], indent=0) + "\n")
    values = {
        **job.content()["manifest"],
        "base": job.base,
        "settings": job.settings.model_dump(mode="json"),
        "mask_code_output": job.mask_code_output,
        "examples": len(encoded.rows),
        "dropped": len(encoded.dropped),
        "tokens": sum(len(row.input_ids) for row in encoded.rows),
        "loss_tokens": sum(label >= 0 for row in encoded.rows for label in row.labels),
        "steps": trainer.state.global_step,
        "first_loss": curve[0].loss,
        "last_loss": curve[-1].loss,
        "versions": library_versions(),
    }
    write_manifest(part, values)
    job.publish(part)


def last_state(state_dir: Path) -> Path | None:
    """The newest state that was written to its end; the process may have been killed while it wrote another."""
    whole = [mark.parent for mark in state_dir.glob(f"checkpoint-*/{_WHOLE}")]
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def train(job: TrainingJob) -> None:
    """Encode, train (from the last saved state if there is one) and save."""
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    tokenizer = load_tokenizer(job.base)
    examples = read_examples(job.work_dir / EXAMPLES_FILE)
    encoded = encode_conversations(tokenizer, examples, job.settings.max_length, job.mask_code_output)
    print(f"{len(encoded.rows)} conversations, {len(encoded.dropped)} too long and dropped", flush=True)
    trainer = build_trainer(job, encoded, tokenizer)
    last = last_state(job.work_dir / TRAINER_STATE)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    save_checkpoint(job, trainer, encoded)


def main(arguments: list[str]) -> None:
    """Train what the job file says."""
    run(train, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
