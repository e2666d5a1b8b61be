"""The training process of the discriminative model: `python -m genprm.training.discriminative_trainer JOB.json`.

A plain loop: cross-entropy of a two-class head at the end of each labelled step (paper eq. 1), AdamW, gradients
clipped at 1 as in supervised fine-tuning.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from transformers import AutoModelForTokenClassification, get_scheduler

from genprm.engines.loading import load_config, load_network, load_tokenizer
from genprm.manifest import library_versions, write_manifest
from genprm.reward_models.layouts import MarkedTokens, newline_rows
from genprm.settings import TrainingSettings
from genprm.training.discriminative_data import LabelledSolution, read_solutions
from genprm.training.job import EXAMPLES_FILE, TrainingJob
from genprm.training.launch import LOSSES_FILE, LossPoint
from genprm.training.order import epoch_order
from genprm.training.process import run

CLASSES = ("wrong", "right")
_LARGEST_GRADIENT = 1.0
_LINE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class EncodedSolution:
    """Token ids with a mark behind each step, and a label per mark."""

    row: MarkedTokens
    labels: list[int]


@dataclass(frozen=True, slots=True)
class StepsSeen:
    """What one optimiser step added up: loss (nats, summed over steps), right guesses, and labelled steps."""

    loss: float
    right: int
    count: int


def encode_solutions(
    tokenizer: Any, solutions: Iterable[LabelledSolution], max_length: int
) -> tuple[list[EncodedSolution], list[str]]:
    """Solutions as the model is asked about them, and the ids of those longer than `max_length` tokens (dropped).

    Raises:
        ValueError: no solution fits.
    """
    kept: list[EncodedSolution] = []
    dropped: list[str] = []
    for solution in solutions:
        (row,) = newline_rows(tokenizer, solution.problem, solution.steps)
        if len(row.ids) <= max_length:
            kept.append(EncodedSolution(row, solution.labels))
        else:
            dropped.append(solution.id)
    if not kept:
        raise ValueError(f"none of {len(dropped)} solutions has at most training.max_length = {max_length} tokens")
    return kept, dropped


def step_loss(network: Any, solutions: Sequence[EncodedSolution], device: str) -> tuple[torch.Tensor, int]:
    """Cross-entropy (nats) summed over the labelled steps of some solutions, and how many guesses are right."""
    longest = max(len(solution.row.ids) for solution in solutions)
    ids = torch.zeros(len(solutions), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    rows: list[int] = []
    for index, solution in enumerate(solutions):
        ids[index, : len(solution.row.ids)] = torch.tensor(solution.row.ids)
        mask[index, : len(solution.row.ids)] = 1
        rows += [index] * len(solution.labels)
    marks = [mark for solution in solutions for mark in solution.row.marks]
    labels = torch.tensor([label for solution in solutions for label in solution.labels], device=device)
    logits = network(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[rows, marks].float()
    loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    return loss, int((logits.argmax(dim=-1) == labels).sum())


def update_batches(lengths: Sequence[int], settings: TrainingSettings) -> Iterator[tuple[float, list[list[int]]]]:
    """For each optimiser step the epoch it ends at, and the solutions it sees, by device batch."""
    per_epoch = math.ceil(len(lengths) / settings.batch_size)
    for step in range(math.ceil(per_epoch * settings.epochs)):
        epoch, place = divmod(step, per_epoch)
        order = epoch_order(lengths, settings.device_batch_size, settings.seed, epoch)
        batch = order[place * settings.batch_size : (place + 1) * settings.batch_size]
        size = settings.device_batch_size
        yield (step + 1) / per_epoch, [batch[first : first + size] for first in range(0, len(batch), size)]


def new_network(base: str) -> Any:
    """The base model with a head of two classes. Weights are float32: small updates would be lost in bf16.

    Raises:
        EngineError: a file of the base model is missing or wrong, or its weights are not those of its architecture.
    """
    config = load_config(base)
    config.id2label = dict(enumerate(CLASSES))
    config.label2id = {name: index for index, name in enumerate(CLASSES)}
    config.classifier_dropout = 0.0
    # On a CPU the backward pass of fused attention is slower than plain products at the lengths a CPU can train.
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    return load_network(
        AutoModelForTokenClassification,
        base,
        heads=["lm_head."],
        new=["score."],
        config=config,
        dtype=torch.float32,
        attn_implementation=attention,
    )


def fit(network: Any, solutions: Sequence[EncodedSolution], settings: TrainingSettings) -> list[LossPoint]:
    """Train the network in place; the loss at every optimiser step."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).train()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    updates = list(update_batches([len(solution.row.ids) for solution in solutions], settings))
    warmup = math.ceil(settings.warmup_ratio * len(updates))
    scheduler = get_scheduler(settings.scheduler, optimizer, warmup, len(updates))
    curve: list[LossPoint] = []
    started = printed = time.monotonic()
    for number, (epoch, batch) in enumerate(updates, start=1):
        rate = float(scheduler.get_last_lr()[0])
        seen = _update(network, [[solutions[i] for i in part] for part in batch], settings, device)
        torch.nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        curve.append(LossPoint(number, epoch, seen.loss / seen.count, rate))
        if time.monotonic() - printed >= _LINE_SECONDS or number == len(updates):
            printed = time.monotonic()
            print(
                f"step {number}/{len(updates)}  loss {curve[-1].loss:.4f}  "
                f"step accuracy {seen.right / seen.count:.3f}  {printed - started:.0f} s",
                flush=True,
            )
    return curve


def _update(
    network: Any, batch: Sequence[Sequence[EncodedSolution]], settings: TrainingSettings, device: str
) -> StepsSeen:
    """Gradients of the mean loss over all labelled steps of a batch, however they lie in its parts."""
    total = sum(len(solution.labels) for part in batch for solution in part)
    loss_sum, right_sum = 0.0, 0
    for part in batch:
        with torch.autocast(device, torch.bfloat16, enabled=settings.precision == "bf16"):
            loss, right = step_loss(network, part, device)
        (loss / total).backward()
        loss_sum += float(loss.detach())
        right_sum += right
    return StepsSeen(loss_sum, right_sum, total)


def save_checkpoint(
    job: TrainingJob,
    network: Any,
    tokenizer: Any,
    solutions: Sequence[EncodedSolution],
    dropped: int,
    curve: Sequence[LossPoint],
) -> None:
    """Weights, tokenizer, loss curve and manifest; `out_dir` is replaced in one step."""
    part = job.work_dir / "checkpoint"
    shutil.rmtree(part, ignore_errors=True)
    network.to(torch.bfloat16 if job.settings.precision == "bf16" else torch.float32).save_pretrained(part)
    tokenizer.save_pretrained(part)
    (part / LOSSES_FILE).write_text(json.dumps([asdict(point) for point in curve], indent=0) + "\n")
    values = {
        **job.manifest,
        "base": job.base,
        "settings": job.settings.model_dump(mode="json"),
        "examples": len(solutions),
        "dropped": dropped,
        "tokens": sum(len(solution.row.ids) for solution in solutions),
        "loss_tokens": sum(len(solution.labels) for solution in solutions),
        "steps": len(curve),
        "first_loss": curve[0].loss,
        "last_loss": curve[-1].loss,
        "versions": library_versions(),
    }
    write_manifest(part, values)
    job.publish(part)


def train(job: TrainingJob) -> None:
    """Encode, train and save."""
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    torch.manual_seed(job.settings.seed)
    tokenizer = load_tokenizer(job.base)
    solutions, dropped = encode_solutions(
        tokenizer, read_solutions(job.work_dir / EXAMPLES_FILE), job.settings.max_length
    )
    print(f"{len(solutions)} solutions, {len(dropped)} too long and dropped", flush=True)
    network = new_network(job.base)
    curve = fit(network, solutions, job.settings)
    save_checkpoint(job, network, tokenizer, solutions, len(dropped), curve)


def main(arguments: list[str]) -> None:
    """Train what the job file says."""
    run(train, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
