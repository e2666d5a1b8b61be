"""What all training processes share: arguments, order, progress, resume, and the checkpoint that is left."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments
from transformers.training_args import ParallelMode

from genprm.engines.loading import load_tokenizer
from genprm.hardware.training_memory import recomputes
from genprm.manifest import library_versions, write_manifest
from genprm.settings import TrainingSettings
from genprm.training.job import TRAINER_STATE, TrainingJob
from genprm.training.lora import merged, quantization, with_adapter
from genprm.training.order import EpochOrder
from genprm.training.process import INTERRUPTED
from genprm.training.report import LossPoint, write_losses
from genprm.training.resume import ResumeStates, last_state
from genprm.training.sharding import gathered, is_first
from genprm.training.tokens import IGNORED, EncodedSet

_LINE_SECONDS = 3.0


def to_train(job: TrainingJob, network: Any, heads: Sequence[str] = ()) -> Any:
    """The network as a job trains it: whole, or frozen below a new adapter and new `heads`."""
    lora = job.settings.lora
    return network if lora is None else with_adapter(network, lora, job.settings.seed, heads)


def weights_dtype(settings: TrainingSettings) -> torch.dtype:
    """The number format that weights are held in.

    Trained weights are float32 even under bf16 (autocast): at a learning rate of 2e-6 an update is smaller than the
    spacing of bf16 numbers and would be lost. Frozen weights below an adapter, itself float32, may be bf16 because
    they never change. A sharded model is held in one format, and computes in another.
    """
    frozen = settings.lora is not None and settings.processes == 1
    return torch.bfloat16 if frozen and settings.precision == "bf16" else torch.float32


def loading(settings: TrainingSettings, whole: bool, heads: Sequence[str] = ()) -> dict[str, Any]:
    """Options to load the network to train, which gets new `heads`; with `whole`, no weight is in 4 bits."""
    # On a CPU the backward pass of fused attention is slower than plain products at the lengths a CPU can train.
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    quantized = {} if whole else quantization(settings.lora, settings.precision, heads)
    return {"dtype": weights_dtype(settings), "attn_implementation": attention, **quantized}


def as_dataset(data: EncodedSet, processes: int = 1) -> Dataset:
    """The rows as columns `input_ids` and `labels`; for several processes a blank row without loss follows."""
    rows = [{"input_ids": row.input_ids, "labels": row.labels} for row in data.rows]
    if processes > 1:
        ids = data.rows[0].input_ids[:2]
        rows.append({"input_ids": ids, "labels": [IGNORED] * len(ids)})
    return Dataset.from_list(rows)


def trainer_arguments(job: TrainingJob, model: Any) -> dict[str, Any]:
    """The settings of a job by the names of transformers' `TrainingArguments`."""
    settings: TrainingSettings = job.settings
    parameters = model.num_parameters()  # weights in 4 bits are packed, two in a number
    tracked = os.environ.get("MLFLOW_TRACKING_URI") and os.environ.get("MLFLOW_RUN_ID")
    return {
        "output_dir": str(job.work_dir / TRAINER_STATE),
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "per_device_train_batch_size": settings.device_batch_size,
        "gradient_accumulation_steps": settings.batch_size // (settings.device_batch_size * settings.processes),
        "lr_scheduler_type": settings.scheduler,
        # Below 1 this is a share of all steps.
        "warmup_steps": min(settings.warmup_ratio, 0.9999),
        "weight_decay": settings.weight_decay,
        **({"optim": "adamw_torch_8bit"} if settings.optimizer == "adamw-8bit" else {}),
        "bf16": settings.precision == "bf16",
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": recomputes(parameters, settings),
        "seed": settings.seed,
        "data_seed": settings.seed,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": torch.cuda.is_available(),
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "report_to": ["mlflow"] if tracked else "none",
    }


class OrderedTrainer(Trainer):  # type: ignore[misc]
    """A trainer with the order of `genprm.training.order`.

    The library's own grouping by length draws from the global generator, which a run resumed in mid-epoch cannot
    reproduce.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochOrder:
        rows = self.train_dataset if train_dataset is None else train_dataset
        return EpochOrder([len(ids) for ids in rows["input_ids"]], self.args.train_batch_size, self.args.seed)


class ProgressLines(TrainerCallback):  # type: ignore[misc]
    """Prints a line every few seconds: step, loss, accuracy on what carries loss (tokens or steps), time."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._started = time.monotonic()
        self._printed = 0.0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        """A line when the last one is old enough, and one at the end."""
        now = time.monotonic()
        if "loss" not in logs or (now - self._printed < _LINE_SECONDS and state.global_step < state.max_steps):
            return
        self._printed = now
        accuracy = logs.get(f"mean_{self._unit}_accuracy", float("nan"))
        print(
            f"step {state.global_step}/{state.max_steps}  loss {logs['loss']:.4f}  "
            f"{self._unit} accuracy {accuracy:.3f}  {now - self._started:.0f} s",
            flush=True,
        )


def follow_training(trainer: Trainer, unit: str) -> None:
    """Have a trainer print its progress in our lines and save states to resume from."""
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(ProgressLines(unit))
    trainer.add_callback(ResumeStates())


def the_device(arguments: TrainingArguments) -> str:
    """The one device that a process trains on.

    Raises:
        RuntimeError: the library would spread the batch over several, which makes it larger than the settings say.
    """
    if arguments.parallel_mode is not ParallelMode.NOT_PARALLEL:
        raise RuntimeError(
            f"{arguments.n_gpu} devices, {arguments.parallel_mode.value}: a process trains on one device; "
            "show it one (CUDA_VISIBLE_DEVICES) and start it without a launcher"
        )
    return str(arguments.device)


def finish(job: TrainingJob, trainer: Trainer, data: EncodedSet, build: Callable[[], Any]) -> None:
    """Train, from the last state if there is one, and save the checkpoint.

    `build` makes the model anew, without shards and without weights in 4 bits. The gathered shards of several
    processes are loaded into it, or the adapter that was trained on weights in 4 bits is put on the original
    weights.
    """
    run_trainer(job, trainer)
    model = trainer.model
    if job.settings.processes > 1:
        weights = gathered(model)
        if not is_first():
            return
        model = build()
        model.load_state_dict(weights)
    elif job.settings.in_4_bits:
        adapter = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        model = build()
        take_up(model, adapter)
    save_checkpoint(job, model, trainer.state, seen_in(data))


def take_up(model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Set some parameters of a model to `weights`.

    Raises:
        RuntimeError: the model has no parameters of these names.
    """
    unknown = model.load_state_dict(weights, strict=False).unexpected_keys
    if unknown:
        raise RuntimeError(f"the model has no parameters {unknown[:3]}")


def run_trainer(job: TrainingJob, trainer: Trainer) -> None:
    """Train, from the last state if there is one.

    Raises:
        SystemExit: the training was asked to stop; a state is saved.
    """
    if job.settings.processes == 1:
        print(f"training on one device: {the_device(trainer.args)}", flush=True)
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    last = last_state(job.work_dir / TRAINER_STATE)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    if trainer.state.global_step < trainer.state.max_steps:
        print(f"stopped behind step {trainer.state.global_step}; the next start goes on from there", flush=True)
        sys.exit(INTERRUPTED)


def seen_in(data: EncodedSet) -> dict[str, int]:
    """What a manifest says of the data."""
    return {
        "examples": len(data.rows),
        "dropped": len(data.dropped),
        "tokens": sum(len(row.input_ids) for row in data.rows),
        "loss_tokens": sum(label >= 0 for row in data.rows for label in row.labels),
    }


def losses(state: TrainerState) -> list[LossPoint]:
    """The loss at every step, steps before a resume included."""
    return [
        LossPoint(point["step"], point["epoch"], point["loss"], point["learning_rate"])
        for point in state.log_history
        if "loss" in point
    ]


def save_checkpoint(
    job: TrainingJob,
    trained: Any,
    state: TrainerState,
    seen: Mapping[str, int],
    add: Callable[[Path], None] = lambda part: None,
) -> None:
    """Save weights of the `trained` model, tokenizer, loss curve and manifest; `out_dir` is replaced in one step.

    `seen` is what the manifest says of the data: `examples`, `dropped`, `tokens` and `loss_tokens`. `add` writes
    what else belongs to the checkpoint.
    """
    part: Path = job.work_dir / "checkpoint"
    shutil.rmtree(part, ignore_errors=True)
    whole = merged(trained, part)
    model = whole.to(torch.bfloat16 if job.settings.precision == "bf16" else torch.float32)
    model.config.use_cache = True
    model.save_pretrained(part)
    load_tokenizer(job.base).save_pretrained(part)
    curve = losses(state)
    write_losses(curve, part)
    add(part)
    values = {
        **job.content()["manifest"],
        "base": job.base,
        "settings": job.settings.model_dump(mode="json"),
        "mask_code_output": job.mask_code_output,
        **seen,
        "steps": state.global_step,
        "first_loss": curve[0].loss,
        "last_loss": curve[-1].loss,
        "versions": library_versions(),
    }
    write_manifest(part, values)
    job.publish(part)
